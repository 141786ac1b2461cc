"""Sentences that whoever shows them may want in another language: each has a code, and the values it names."""

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

Translate = Callable[[str], str]  # English phrase, or a `Message` -> the reader's language


class Number(str):
    """A number as it is read, such as "0.317" or "+4.0". Whoever shows it in another language writes it that language's way."""


class Message(str):
    """A sentence for a reader, in an error or a note. It is its own English text, so programs read it as any other string.

    Attributes:
        code: Names the sentence for translators. It stays when the wording changes.
        english: The sentence as a format.
        values: What the format names: texts, numbers, or messages inside the message.
    """

    code: str
    english: str
    values: Mapping[str, Any]

    def __new__(cls, code: str, english: str, /, **values: Any) -> "Message":
        """Put a sentence together.

        Args:
            code: Its name, such as ``"picture.small"``.
            english: A format for the values.
            values: By their names in the format.
        """
        message = super().__new__(cls, english.format(**values))
        message.code, message.english, message.values = code, english, values
        return message

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, Any]]:
        """Tell pickle and copy how to make it again."""
        return (self.code, self.english), dict(self.values)

    def translated(self, formats: Mapping[str, str], written: Callable[[str], str] = str) -> str:
        """Return the sentence in another language, and what it quotes too where that is a message.

        Args:
            formats: Those of the language, by code. A sentence without one stays English.
            written: Puts a number that is not whole, in English notation, into the language's.
        """
        if self.code not in formats:
            written = str
        values = {
            name: value.translated(formats, written) if isinstance(value, Message) else value
            for name, value in self.values.items()
        }
        return _Sentence(written).vformat(formats.get(self.code, self.english), (), values)


class _Sentence(Formatter):
    """Formats as `str.format` does, numbers that are not whole in a language's own notation."""

    def __init__(self, written: Callable[[str], str]) -> None:
        self._written = written

    def format_field(self, value: Any, format_spec: str) -> str:
        text = format(value, format_spec)
        return self._written(text) if isinstance(value, float | Number) else text
