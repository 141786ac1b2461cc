"""How the page's functions are run: errors as messages, GPU time as much as is needed."""

import gradio as gr
import numpy as np
import pytest

from enhancer.errors import ImageError
from page import running

# gradio leaves the event loops, with which it fills its components, to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def test_our_errors_become_messages_on_the_page():
    with pytest.raises(gr.Error, match="It is bad"), running.shown_to_visitor():
        raise ImageError("It is bad.")


def test_a_message_that_quotes_a_stranger_is_no_html():
    with pytest.raises(gr.Error) as caught, running.shown_to_visitor():
        raise ImageError("There is no preset '<img src=x>'.")
    assert caught.value.message == "There is no preset '&lt;img src=x&gt;'."


def test_gpu_time_asked_for_grows_with_the_picture():
    assert running.gpu_seconds(np.empty((512, 512, 3))) == 8
    assert running.gpu_seconds(np.empty((2048, 2048, 4), np.uint8)) == 24
