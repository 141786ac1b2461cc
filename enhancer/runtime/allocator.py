"""What a program asks of the C library's allocator before it starts: to keep large blocks for the next picture."""

import ctypes
import sys

# glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
KEPT = 2**30  # bytes at the end of the heap that stay ours; more goes back to the system


def keep_freed_memory() -> None:
    """Reuse the memory of large tensors instead of asking the system for new pages each time.

    By default glibc maps every block over 32 MiB anew, and the system clears each page of it at its first touch: on a
    CPU a 1024 px picture then takes 1.8 times as long. One arena, because only the main one can hold such blocks. Call
    it before threads start; where the C library is another one, nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return
    for parameter, value in ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, KEPT)):
        library.mallopt(parameter, value)
