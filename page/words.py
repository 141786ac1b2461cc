"""The page's words in English and German. English phrases are the keys, so that code reads as the page does."""

from html import escape
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from enhancer.report import Say
from page.german import GERMAN
from page.passages import PASSAGES

LANGUAGES = ("en", "de")
I18N = gr.I18n(
    en={phrase: phrase for phrase in GERMAN} | PASSAGES["en"] | {"common.upload": "Upload"},
    de=GERMAN | PASSAGES["de"] | {"common.upload": "Hochladen"},  # gradio 6.31 shows this key as it is
)


def label(phrase: str) -> Any:  # gradio's own hints say str where it takes this too
    """Return a label that each visitor's browser shows in their language; a phrase without German fails the start."""
    if phrase not in I18N.translations["de"]:
        raise KeyError(f"page/german.py has no German for {phrase!r}.")
    return I18N(phrase)


def said_in(language: str) -> Say:
    """Return what puts an English phrase into a language; what is not known stays English."""
    words = I18N.translations[language]
    return lambda phrase: words.get(phrase, phrase)


def said_to(request: gr.Request | None) -> Say:
    """Return what puts an English phrase into the language a visitor's browser asks for first."""
    asked = "" if request is None else str(request.headers.get("accept-language") or "")
    first = asked.split(",")[0].strip().lower()[:2]
    return said_in(first if first in LANGUAGES else "en")


def refusal(sentence: str, **values: Any) -> gr.Error:
    """Return an error to raise: gradio shows it as a message, in the visitor's language where the sentence is the page's.

    Args:
        sentence: What was wrong, what was given and what to do; with `values`, a format for them.
        values: Such as a count.
    """
    say = said_to(LocalContext.request.get(None))
    told = say(sentence).format(**values) if values else say(sentence)
    # The page shows messages as HTML, and some of them quote what a stranger sent.
    return gr.Error(escape(told, quote=False), print_exception=False)
