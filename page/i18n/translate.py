"""Labels, sentences and refusals in a visitor's language. English phrases are the keys, so that code reads as the page does."""

from html import escape
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from enhancer.messages import Message, Number, Translate
from page.i18n import de, en

LANGUAGES = ("en", "de")
I18N = gr.I18n(
    en={phrase: phrase for phrase in de.WORDS} | en.PASSAGES | {"common.upload": "Upload"},
    de=de.WORDS | de.PASSAGES | {"common.upload": "Hochladen"},  # gradio 6.31 shows this key as it is
)


def label(phrase: str) -> Any:  # gradio's own hints say str where it takes this too
    """Return a label that each visitor's browser shows in their language.

    Raises:
        KeyError: The phrase has no German: the page does not start.
    """
    if phrase not in I18N.translations["de"]:
        raise KeyError(f"page/i18n/de.py has no German for {phrase!r}.")
    return I18N(phrase)


def said_in(language: str) -> Translate:
    """Return what puts a message or an English phrase into a language; what is not known stays English."""
    return _in_german if language == "de" else _in_english


def _in_english(phrase: str) -> str:
    return I18N.translations["en"].get(phrase, phrase)


def _in_german(phrase: str) -> str:
    if isinstance(phrase, Message):
        return phrase.translated(de.MESSAGES, de.number)
    if isinstance(phrase, Number):
        return de.number(phrase)
    return I18N.translations["de"].get(phrase, phrase)


def translator(request: gr.Request | None) -> Translate:
    """Return what puts a message or an English phrase into the language a visitor's browser asks for first."""
    asked = "" if request is None else str(request.headers.get("accept-language") or "")
    first = asked.split(",")[0].strip().lower()[:2]
    return said_in(first if first in LANGUAGES else "en")


def refusal(message: str) -> gr.Error:
    """Return an error to raise: gradio shows it, in the visitor's language.

    Args:
        message: What was wrong, what was given and what to do. A sentence that is no `Message` stays English, such as one
            about a broken installation.
    """
    translated = translator(LocalContext.request.get(None))(message)
    # The page shows messages as HTML, and some of them quote what a stranger sent.
    return gr.Error(escape(translated, quote=False), print_exception=False)
