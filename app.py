"""The page: choose a face, degrade it, restore it in one step, compare. Wiring only; `page` holds the pieces."""

import logging
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import page.preload  # noqa: F401  spaces before CUDA, and torch on its way

# isort: split
import gradio as gr
from starlette.middleware import Middleware

from page import backend
from page.api import add_api
from page.batch_tab import BatchTab
from page.compare_tab import COMPARE, CompareTab
from page.events import PRIVATE, sent_once
from page.first_result import first_look, time_again
from page.head import OwnHead
from page.headers import SafeHeaders
from page.i18n.translate import I18N, label
from page.lean import LeanAssets
from page.limits import LARGEST_UPLOAD
from page.link import LINKED
from page.restore_tab import RENDER, TRY, Workbench
from page.splat_tab import SplatTab
from page.video_tab import VideoTab

ROOT = Path(__file__).parent
HOUR = 3600  # seconds
WAITING = 64  # visitors in the queue; who comes after is asked to try again, rather than to wait for minutes
FONT = gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700))  # comes with gradio; its 600 lacks letters
# JavaScript that shows the tab a link is of
OPENED = f"() => ({{__type__: 'update', ...(new URLSearchParams(location.search).has('{LINKED}') ? {{selected: '{TRY}'}} : {{}})}})"
LAUNCH: dict[str, Any] = {
    "css_paths": ROOT / "app.css",
    "js": (ROOT / "app.js").read_text(encoding="utf-8"),
    "theme": gr.themes.Base(primary_hue="stone", neutral_hue="stone", radius_size="lg", font=[FONT, "sans-serif"]),
    "i18n": I18N,
    "max_file_size": f"{LARGEST_UPLOAD}mb",
    "footer_links": ["api"],
    "state_session_capacity": 128,  # gradio keeps a third of a megabyte per caller; ours in it is a number
    "run_history": False,
    "enable_monitoring": False,
    # Spaces set GRADIO_SSR_MODE, and Node then serves the HTML: without our headers, and with a style sheet whose rules
    # gradio has not made stronger than its own, so that "Stop" lies over the picture and the divider has no slider.
    "ssr_mode": False,
    # Pages of other origins cannot reach a copy that runs on somebody's own machine. A Space is public and knows no
    # cookies of its own, so there they may call the API, as any program may.
    "strict_cors": True,
    "app_kwargs": {"middleware": [Middleware(SafeHeaders), Middleware(OwnHead), Middleware(LeanAssets)]},
    "mcp_server": find_spec("mcp") is not None,  # a Space has it; elsewhere it is an extra
}


def build_page() -> gr.Blocks:
    """Lay the page out and wire it."""
    with gr.Blocks(title="Splat Enhancer", analytics_enabled=False, delete_cache=(HOUR, HOUR)) as page:
        # or gradio draws a header over a Space opened at its own address, with fonts that it has visitors fetch from Google
        page.space_id = None
        gr.HTML(label("header"), padding=False, elem_id="header")
        with gr.Tabs(elem_id="modes", overflow_behavior="wrap") as modes:
            with gr.Tab(label("Splat render"), id=RENDER):
                render = Workbench(RENDER)
            with gr.Tab(label("Clean picture"), id=TRY) as clean:
                attempt = Workbench(TRY)
            with gr.Tab(label("Video"), id="video") as video:
                VideoTab(video)
            with gr.Tab(label("My splat"), id="splat") as splat:
                SplatTab(splat)
            with gr.Tab(label("Batch"), id="batch"):
                BatchTab()
            with gr.Tab(label("Compare"), id=COMPARE) as compare:
                CompareTab(compare)
            with gr.Tab(label("How it works"), id="about"):
                gr.HTML(label("about"), padding=False, elem_id="about")
        gr.HTML(label("footer"), padding=False, elem_id="footer")
        gr.HTML(label("heads"), padding=False, elem_id="heads")
        attempt.hand_over(render, modes)
        share = attempt.share
        page.load(share.opened, None, [share.example, *share.settings], show_progress="hidden", **PRIVATE)
        page.load(None, None, modes, js=OPENED, **PRIVATE)
        if not backend.ON_ZERO_GPU:  # where a GPU is lent for a visitor's own click
            for tab, shown in ((render, render.first), (attempt, attempt.follow)):
                page.load(sent_once(shown), tab.hero.wishes, tab.outputs, show_progress_on=tab.hero.slider, **PRIVATE)
            attempt.hero.begin_with(clean)
        add_api()
    return page.queue(max_size=WAITING, default_concurrency_limit=2)


def warm_up() -> None:
    """Restore the first example, load what it did not need, the parser and other checkpoints, then see how long it takes."""
    first_look()
    backend.load_everything()
    time_again()


demo = build_page()  # under the name by which gradio's own tools look for it


def main() -> None:
    """Serve the page, and load and warm up what it needs meanwhile; whoever clicks earlier waits for it."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    if backend.ON_ZERO_GPU:
        backend.load_everything()  # launching places on the GPU what is loaded by then
    else:
        threading.Thread(target=warm_up, daemon=True).start()
    demo.launch(prevent_thread_lock=True, **LAUNCH)
    demo.block_thread()


if __name__ == "__main__":
    main()
