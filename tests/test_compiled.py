"""The model as torch's compilers take it: exported whole, and compiled in place."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import pytest
import torch

from tests.test_model import batch
from tests.tiny import tiny_model


def test_the_model_is_exported_whole_and_answers_the_same():
    """What ZeroGPU compiles ahead of time starts from this."""
    model = tiny_model().for_inference()
    with torch.no_grad():
        exported = torch.export.export(model, (batch(),))
        torch.testing.assert_close(exported.module()(batch(64, 1)), model(batch(64, 1)), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler uses what torch deprecates
def test_the_compiled_model_answers_the_same():
    plain, compiled = tiny_model().for_inference(), tiny_model().for_inference(compile=True)
    with torch.inference_mode():
        torch.testing.assert_close(compiled(batch()), plain(batch()), atol=1e-4, rtol=1e-3)
