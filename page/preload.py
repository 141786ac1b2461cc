"""Settles how memory is kept, and starts reading torch from disk while gradio, which shares hardly anything with it, loads."""

import importlib
import threading

import spaces  # noqa: F401  must come before anything that touches CUDA

from enhancer.runtime.allocator import keep_freed_memory

keep_freed_memory()
threading.Thread(target=importlib.import_module, args=["torch"], daemon=True).start()
