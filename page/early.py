"""Starts reading torch from disk as soon as it is imported, while gradio, which shares hardly anything with it, loads."""

import importlib
import threading

import spaces  # noqa: F401  must come before anything that touches CUDA

threading.Thread(target=importlib.import_module, args=["torch"], daemon=True).start()
