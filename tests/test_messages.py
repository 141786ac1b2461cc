"""Sentences with codes: what the library and the page say, and that the page's other language says all of it."""

import ast
import copy
import json
import pickle
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from enhancer.errors import ImageError, UnavailableError
from enhancer.messages import Message, Number
from page.i18n import de
from page.i18n.translate import said_in

ROOT = Path(__file__).resolve().parents[1]


@cache
def calls(name, rooms=("enhancer", "page")):
    """Every call of a function of this name, by default in the library and the page."""
    sources = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    return [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name]


@cache
def said():
    """Code -> English format, and the names of the values that come with it, for every message there is."""
    found = {}
    for call in calls("Message"):
        # this fails on a sentence that is put together on the way
        code, english = (ast.literal_eval(part) for part in call.args)
        assert code not in found, f"{code} is said in two places"
        found[code] = (english, {keyword.arg for keyword in call.keywords})
    return found


def fields(text):
    """The values that a format names, and how each is written."""
    parts = Formatter().parse(text)
    return {(name, spec, conversion) for _, name, spec, conversion in parts if name is not None}


# --- one message -------------------------------------------------------------------------------------------------


def outer():
    return Message(
        "outer", "It is {size:g} px. {problem}", size=2.0, problem=Message("inner", "Sad: {why!r}.", why="x")
    )


def test_a_message_is_its_english_text():
    assert outer() == "It is 2 px. Sad: 'x'."
    assert json.dumps([outer()]) == """["It is 2 px. Sad: 'x'."]"""
    assert outer() in {"It is 2 px. Sad: 'x'."}


def test_a_message_is_translated_with_the_messages_inside_it():
    german = {"outer": "{problem} Es hat {size:g} px.", "inner": "Traurig: {why!r}."}
    assert outer().translated(german) == "Traurig: 'x'. Es hat 2 px."


def test_a_message_without_a_translation_stays_english():
    assert outer().translated({"inner": "Traurig."}) == "It is 2 px. Traurig."


def test_numbers_that_are_not_whole_are_written_the_languages_way():
    message = Message("time", "{seconds:.1f} s for {count} at {rate}.", seconds=1.25, count=1200, rate=Number("0.5"))
    german = {"time": "{seconds:.1f} s für {count} mit {rate}."}
    assert message.translated(german, de.number) == "1,2 s für 1200 mit 0,5."
    assert message.translated({}, de.number) == message == "1.2 s for 1200 at 0.5."  # an English sentence
    assert said_in("de")(Number("+1,234.5")) == "+1.234,5"
    assert said_in("en")(Number("+1,234.5")) == "+1,234.5"


def test_values_are_no_formats():
    message = Message("name", "No {name}.", name="{name.__class__}")
    assert message.translated({"name": "Kein {name}."}) == "Kein {name.__class__}."


@pytest.mark.parametrize("through", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_message_keeps_its_code_from_process_to_process(through):
    error = through(ImageError(outer()))
    assert str(error) == error.message == outer()
    assert error.message.translated({"outer": "{size:g}, {problem}"}) == "2, Sad: 'x'."


def test_an_error_may_be_a_plain_sentence():
    assert UnavailableError("Gone.").message == str(UnavailableError("Gone.")) == "Gone."


# --- all of them -------------------------------------------------------------------------------------------------


def test_every_message_has_its_german_and_no_german_is_left_over():
    assert said().keys() == de.MESSAGES.keys()


@pytest.mark.parametrize("code", de.MESSAGES)
def test_both_languages_name_the_values_that_are_given(code):
    english, given = said()[code]
    assert {name for name, _, _ in fields(english)} == given
    assert fields(de.MESSAGES[code]) == fields(english)


@pytest.mark.parametrize("code", de.MESSAGES)
def test_german_takes_the_values_in_and_differs_from_english(code):
    english, given = said()[code]
    numbers = {name for name, spec, _ in fields(english) if spec}
    values = {name: 7 if name in numbers else f"<{name}>" for name in given}
    message = Message(code, english, **values)
    german = message.translated(de.MESSAGES)
    assert german != message
    assert all(str(value) in german for value in values.values())
    assert not any(f"{{{name}" in german for name in given)


@pytest.mark.parametrize("raised", ["refusal", "ImageError", "LabelError", "SettingsError"])
def test_the_page_refuses_nothing_in_a_plain_sentence(raised):
    parts = [part for call in calls(raised, ("page",)) for part in call.args]
    assert not [ast.unparse(part) for part in parts if isinstance(part, ast.Constant | ast.JoinedStr)]


def test_every_phrase_that_is_put_into_the_visitors_language_has_its_german():
    phrases = {part.value for call in calls("say") for part in call.args if isinstance(part, ast.Constant)}
    phrases |= {call.args[-1].value for call in calls("_Metric")}  # what they mean
    assert "Restored in" in phrases
    assert phrases <= de.WORDS.keys()
