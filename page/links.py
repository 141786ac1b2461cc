"""Where a copy of the page says its code, model card and licence are: on a Space, beside it. No gradio."""

import os
from collections.abc import Mapping
from html import escape

import enhancer

HUB = "https://huggingface.co"
CARD = "blob/main/enhancer/pocket/enhancer/README.md"


def links(words: Mapping[str, str]) -> str:
    """Return HTML that links to what a copy on a Space has beside it; elsewhere nothing, for nobody knows where it lies.

    Args:
        words: What "code", "card" and "licence" are called.
    """
    space = os.environ.get("SPACE_ID")
    if not space:
        return ""
    home = f"{HUB}/spaces/{space}"
    places = {"code": f"{home}/tree/main", "card": f"{home}/{CARD}", "licence": f"{home}/blob/main/LICENSE"}
    made = (f'<a href="{escape(url)}" target="_blank" rel="noopener">{words[name]}</a>' for name, url in places.items())
    return " · ".join(made)


def citation() -> str:
    """Return how the project is cited."""
    return f"Splat Enhancer {enhancer.__version__}"
