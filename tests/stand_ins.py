"""A parser and a scorer that answer at once, and a page that works with them, for tests of the page."""

import gc
import io
import socket
import warnings
from contextlib import contextmanager

import cv2
import numpy as np

from enhancer.imaging.io import to_levels
from enhancer.imaging.keep import keep
from enhancer.imaging.regions import region_map


def brighten(rgb):
    """Stand in for a model."""
    return np.clip(rgb + 0.1, 0, 1).astype(np.float32)


class KnownParser:
    """Finds the regions it was told, at the size of the picture."""

    name = "known"
    notice = None

    def __init__(self, labels):
        self.labels = labels

    def prepare(self):
        pass

    def regions(self, rgb):
        assert rgb.shape[2] == 3
        return cv2.resize(region_map(self.labels), rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)


class PlainScorer:
    """Scores by brightness; a region is scored if it is the hair."""

    lpips_name = "LPIPS (fake)"
    lpips_missing = "No LPIPS (fake): the weights are not here."

    def prepare(self):
        pass

    def score_each(self, pictures, reference, masks):
        return [self._scored(rgb, masks) for rgb in pictures]

    def _scored(self, rgb, masks):
        row = {"psnr": 20.0 + float(rgb.mean()), "ssim": 0.5, "lpips": None}
        return row | {"regions": dict.fromkeys(masks) | {"hair": row}}


def encoded(picture, **options):
    file = io.BytesIO()
    picture.save(file, **({"format": "PNG"} | options))
    return file.getvalue()


def import_app():
    """Return the module `app`. Importing it builds a page, and gradio leaves that one's event loops to the garbage collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        import app

        gc.collect()  # here, lest it happen in another module's test
    return app


@contextmanager
def served(service):
    """Serve the page on a local port, and give its address."""
    from page import backend

    app = import_app()

    before, backend.service = backend.service, lambda checkpoint=None: service
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with warnings.catch_warnings():  # gradio leaves event loops and sockets to the garbage collector
        warnings.simplefilter("ignore")
        page = app.build_page()
        page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", server_port=port, **app.LAUNCH)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            page.close()
            backend.service = before
            gc.collect()  # here, lest it happen in another module's test


def mirrored(image):
    """What a service makes of an opaque picture whose model mirrors it: a flat background stays."""
    return to_levels(keep(image, image, image[:, ::-1], grey=False))
