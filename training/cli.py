"""A dataclass as a command line: field name = flag name, its help text and default are the flag's."""

import argparse
from collections.abc import Sequence
from dataclasses import MISSING, field, fields
from typing import Any, TypeVar, get_args, get_origin

from enhancer.runtime.command_line import ArgumentParser

Config = TypeVar("Config")
FILLING = ("preset", "recipe", "config")  # flags that say what the defaults of the others are


def flag(default: Any, help: str, *, free: bool = False, opposite: str = "", **options: Any) -> Any:
    """Return a dataclass field that is a flag.

    Args:
        default: Its default.
        help: The command line's help text.
        free: May differ between the start of a run and its resume.
        opposite: Another flag that sets a boolean to False.
        options: argparse's own, such as nargs.
    """
    metadata = {"help": help, "free": free, "opposite": opposite, "options": options}
    return field(default=default, metadata=metadata)


def from_flags(cls: type[Config], argv: Sequence[str] | None, description: str) -> Config:
    """Read a config dataclass from the command line.

    A class with `defaults_of(preset, recipe, config)` gets the defaults that `--preset`, `--recipe` and `--config` ask for.

    Raises:
        SettingsError: The recipe, or the file of settings, cannot be used.
    """
    parser = ArgumentParser(usage="%(prog)s [--FLAG VALUE ...]", description=description, formatter_class=_Help)
    for item in fields(cls):  # type: ignore[arg-type]
        _add(parser, item)
    defaults_of = getattr(cls, "defaults_of", None)
    if defaults_of is not None:
        early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        for name in FILLING:
            early.add_argument(f"--{name}")
        parser.set_defaults(**defaults_of(**vars(early.parse_known_args(argv)[0])))
    given = vars(parser.parse_args(argv))
    return cls(**{name: _as_given(value) for name, value in given.items()})


def to_flags(config: Any) -> list[str]:
    """Return the command line of a config: the flags whose values are no defaults. It needs no --config."""
    defaults = {item.name: item.default for item in fields(config)}
    if hasattr(config, "defaults_of"):
        others = config.defaults_of(config.preset, config.recipe, None)
        # These say themselves what the defaults of the others are
        defaults |= {name: _as_given(value) for name, value in others.items() if name not in FILLING}
        del defaults["config"]
    words: list[str] = []
    for name, default in defaults.items():
        value = getattr(config, name)
        if value == default:
            continue
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        else:
            words += [f"--{name}", *(value if isinstance(value, tuple) else [str(value)])]
    return words


def _as_given(value: Any) -> Any:
    """Return a value as a config has it: lists as tuples."""
    return tuple(value) if isinstance(value, list) else value


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """The description as it is written, and every default."""


def _add(parser: argparse.ArgumentParser, item: Any) -> None:
    """Give the parser one field as a flag."""
    kind, names = item.type, [f"--{item.name}"]
    default = None if item.default is MISSING else item.default
    options: dict[str, Any] = {"default": default, "help": item.metadata["help"]}
    if kind is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif get_origin(kind) is tuple:
        options |= {"type": str, "default": list(default or ())}
    elif get_args(kind):
        options |= {"type": type(get_args(kind)[0]), "choices": get_args(kind)}
    else:
        options["type"] = kind
    parser.add_argument(*names, **options | item.metadata["options"])
    if item.metadata["opposite"]:
        parser.add_argument(
            f"--{item.metadata['opposite']}",
            dest=item.name,
            action="store_false",
            default=argparse.SUPPRESS,
            help=f"the opposite of --{item.name}",
        )
