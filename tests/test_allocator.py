"""Large blocks are kept for the next picture."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from enhancer.runtime.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
import numpy as np
for k in range(6):
    if k == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(64 << 20, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks glibc")
def test_the_second_large_block_needs_no_new_pages(root):
    faults = {}
    for how in ("keep", "leave"):
        run = subprocess.run(
            [sys.executable, "-c", FAULTS, how],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        faults[how] = int(run.stdout)
    assert faults["keep"] < faults["leave"] / 10
