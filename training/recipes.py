"""Recipes: files of settings, in this package or the user's own, that become the defaults of a run's flags."""

import tomllib
from dataclasses import Field
from pathlib import Path
from typing import Any, get_args, get_origin

from enhancer.errors import SettingsError

FOLDER = Path(__file__).parent / "recipes"


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
    if unknown := given.keys() - settings.keys():
        raise SettingsError(f"The recipe {path} sets {', '.join(sorted(unknown))}, which is no flag of a run.")
    return {key: checked(value, settings[key], f"The recipe {path}") for key, value in given.items()}


def checked(value: Any, item: Field[Any], where: str) -> Any:
    """Return a value of a TOML file as the field has it.

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
