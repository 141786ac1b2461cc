"""What loading a model imports, and what it leaves out."""

import subprocess
import sys

RESTORED = """
import sys
import numpy as np
from enhancer.model import SplatEnhancer, restore

restore(SplatEnhancer.from_pretrained().for_inference(), np.zeros((128, 128, 3), np.float32))
print(*({"peft", "scipy.stats", "transformers"} & sys.modules.keys()))

from diffusers import DPMSolverMultistepScheduler
DPMSolverMultistepScheduler(use_beta_sigmas=True).set_timesteps(4)
"""


def test_restoring_by_the_embedded_model_brings_no_peft_and_others_still_find_scipy(root):
    run = subprocess.run([sys.executable, "-c", RESTORED], cwd=root, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == ""
