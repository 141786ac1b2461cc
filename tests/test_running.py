"""How the page's functions are run: errors as messages, GPU time as much as is needed."""

import os
import subprocess
import sys
import time

import gradio as gr
import numpy as np
import pytest

from enhancer.errors import ImageError
from enhancer.parts import Restorer
from enhancer.service import Service
from page import backend, first_result
from tests.stand_ins import KnownParser, PlainScorer

# gradio leaves the event loops, with which it fills its components, to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def test_our_errors_become_messages_on_the_page():
    with pytest.raises(gr.Error, match="It is bad"), backend.shown_to_visitor():
        raise ImageError("It is bad.")


def test_a_message_that_quotes_a_stranger_is_no_html():
    with pytest.raises(gr.Error) as caught, backend.shown_to_visitor():
        raise ImageError("There is no preset '<img src=x>'.")
    assert caught.value.message == "There is no preset '&lt;img src=x&gt;'."


def test_gpu_time_asked_for_grows_with_the_picture():
    assert backend.gpu_seconds(np.empty((512, 512, 3))) == 8
    assert backend.gpu_seconds(np.empty((2048, 2048, 4), np.uint8)) == 24


FORKED = """
import os, sys, time
from enhancer.imaging.io import read_image
from page import backend
backend.ON_ZERO_GPU = True
image = read_image("examples/heads/head_02.png")
backend.service().restore(image, degrade_first=True)  # the parent's threads begin here
backend.service().parser.regions(image[..., :3].copy())
if (child := os.fork()) == 0:
    backend.restored(image, degrade_first=True)
    backend.scores(image, image)
    os._exit(0)
for _ in range(300):
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        sys.exit(os.waitstatus_to_exitcode(status))
    time.sleep(0.1)
os.kill(child, 9)
sys.exit("the fork waits for threads that it has not")
"""


@pytest.mark.slow
def test_a_process_that_zero_gpu_forks_does_not_wait_for_its_parents_threads(root):
    threads = {"OMP_NUM_THREADS": "2", "PYTHONPATH": str(root)}
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    done = subprocess.run(command, cwd=root, env=os.environ | threads, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_first_result_tells_how_long_it_takes_not_how_long_loading_took(head, monkeypatch):
    pauses = [0.0, 0.5]

    def slow_at_first(rgb):
        time.sleep(pauses.pop())
        return rgb

    service = Service(KnownParser(head.labels), Restorer(slow_at_first, "slow"), PlainScorer())
    monkeypatch.setattr(backend, "service", lambda checkpoint=None: service)
    monkeypatch.setattr(first_result, "_warm", {})
    made_once = (first_result._first_pair, first_result._first_scored, first_result._first_look)  # pyright: ignore[reportPrivateUsage]
    for made in made_once:
        made.cache_clear()
    assert first_result.first_look().result.seconds > 0.5
    first_result.time_again()
    assert first_result.first_pair()[0].seconds < 0.5
    assert first_result.first_look().result.seconds < 0.5
    for made in made_once:
        made.cache_clear()
