"""Where the code, the model card and the licence of this copy of the page are, and how the project is cited. No gradio."""

import os
from collections.abc import Mapping
from html import escape

import enhancer
from enhancer.hub.references import is_repo_id
from enhancer.hub.spaces import model_url, space_url

CARD = "blob/main/enhancer/pocket/enhancer/README.md"  # of the embedded checkpoint, in a Space's files
CITATION = f"""<pre>@software{{splat_enhancer,
  title   = {{Splat Enhancer: faces rendered from Gaussian splats, restored in one step}},
  author  = {{{{The Splat Enhancer contributors}}}},
  version = {{{enhancer.__version__}}},
  year    = {{2026}}
}}</pre>"""


def links(words: Mapping[str, str]) -> str:
    """Return HTML that links to what is known: a Space has its code and licence beside it, a checkpoint of the Hub its card.

    Args:
        words: What "code", "card" and "licence" are called.
    """
    places: dict[str, str] = {}
    if space := os.environ.get("SPACE_ID", "").strip():
        home = space_url(space)
        places = {"code": f"{home}/tree/main", "card": f"{home}/{CARD}", "licence": f"{home}/blob/main/LICENSE"}
    repo = os.environ.get("CHECKPOINT", "").strip().partition("@")[0]
    if "/" in repo and is_repo_id(repo):
        places["card"] = model_url(repo)
    made = (f'<a href="{escape(url)}" target="_blank" rel="noopener">{words[name]}</a>' for name, url in places.items())
    return " · ".join(made)
