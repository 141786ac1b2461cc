"""Files of settings that become the defaults of a run's flags: recipes, and what every run writes into its folder."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import Field
from pathlib import Path
from typing import Any, get_args, get_origin

from enhancer.errors import SettingsError

FOLDER = Path(__file__).parent / "recipes"
NO_SETTINGS = (
    "config",
    "data",
    "pictures",
)  # of what a run writes: where its settings came from, which pictures it had


def names() -> list[str]:
    """Return the recipes of this package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_recipe(name: str, settings: dict[str, Field[Any]]) -> dict[str, Any]:
    """Read a recipe.

    Args:
        name: A recipe of this package, or the path of a .toml file.
        settings: The fields that a recipe may set, by name.

    Raises:
        SettingsError: It does not exist, is no TOML, or sets what is no setting, or to a value of the wrong kind.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise SettingsError(f"There is no recipe {name!r}. Give {', '.join(names())}, or the path of a .toml file.")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"The recipe {path} cannot be read: {error}.") from error
    return _all_checked(given, settings, f"The recipe {path}")


def read_config(path: Path, settings: dict[str, Field[Any]]) -> dict[str, Any]:
    """Read a `config.json` as runs write it, or a part of one.

    Args:
        path: The file.
        settings: The fields that it may set, by name.

    Raises:
        SettingsError: It does not exist, is no JSON, or sets what is no setting, or to a value of the wrong kind.
    """
    try:
        given = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"--config {path} cannot be read: {error}. Give the config.json of a run.") from error
    kept = {name: value for name, value in given.items() if name not in NO_SETTINGS}
    return _all_checked(kept, settings, f"--config {path}")


def _all_checked(given: Mapping[str, Any], settings: dict[str, Field[Any]], source: str) -> dict[str, Any]:
    if unknown := given.keys() - settings.keys():
        raise SettingsError(f"{source} sets {', '.join(sorted(unknown))}, which is no flag of a run.")
    return {name: checked(value, settings[name], source) for name, value in given.items()}


def checked(value: Any, item: Field[Any], where: str) -> Any:
    """Return a value of such a file as the field has it.

    Args:
        value: As it was read.
        item: The field of the setting.
        where: What sets it, for the message.

    Raises:
        SettingsError: It is of the wrong kind.
    """
    kind: Any = item.type
    if kind is float and type(value) is int:
        return float(value)
    if get_origin(kind) is tuple:
        wanted, fits = (
            "a list of texts",
            isinstance(value, list) and all(isinstance(each, str) for each in value),
        )
    elif get_args(kind):
        wanted, fits = f"one of {', '.join(map(repr, get_args(kind)))}", value in get_args(kind)
    else:
        wanted, fits = kind.__name__, type(value) is kind
    if not fits:
        raise SettingsError(f"{where} sets {item.name} to {value!r}, which must be {wanted}.")
    return value
