"""The page's words in English and German. English phrases are the keys, so that code reads as the page does."""

import re
from functools import cache
from html import escape
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from enhancer.results import Translate
from page.i18n.de import GERMAN, GERMAN_SENTENCES
from page.i18n.passages import PASSAGES

LANGUAGES = ("en", "de")
I18N = gr.I18n(
    en={phrase: phrase for phrase in GERMAN} | PASSAGES["en"] | {"common.upload": "Upload"},
    de=GERMAN | PASSAGES["de"] | {"common.upload": "Hochladen"},  # gradio 6.31 shows this key as it is
)


def label(phrase: str) -> Any:  # gradio's own hints say str where it takes this too
    """Return a label that each visitor's browser shows in their language; a phrase without German fails the start."""
    if phrase not in I18N.translations["de"]:
        raise KeyError(f"page/i18n/de.py has no German for {phrase!r}.")
    return I18N(phrase)


def said_in(language: str) -> Translate:
    """Return what puts an English phrase or sentence into a language; what is not known stays English."""
    if language == "en":
        return lambda phrase: I18N.translations["en"].get(phrase, phrase)
    return lambda phrase: I18N.translations["de"].get(phrase) or _in_german(phrase)


@cache
def _patterns() -> dict[re.Pattern[str], str]:
    """Return what matches the English sentences, what is quoted in them by name -> their German."""
    quoted = re.compile(r"\\\{(\w+)\\\}")
    return {
        re.compile(quoted.sub(r"(?P<\1>.+?)", re.escape(english)), re.DOTALL): german
        for english, german in GERMAN_SENTENCES.items()
    }


def _in_german(sentence: str) -> str:
    """Return a sentence with something quoted in it in German, what is quoted too where it is known."""
    for pattern, german in _patterns().items():
        if found := pattern.fullmatch(sentence):
            return german.format_map({name: _in_german(part) for name, part in found.groupdict().items()})
    return sentence


def translator(request: gr.Request | None) -> Translate:
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
    say = translator(LocalContext.request.get(None))
    told = say(sentence).format(**values) if values else say(sentence)
    # The page shows messages as HTML, and some of them quote what a stranger sent.
    return gr.Error(escape(told, quote=False), print_exception=False)
