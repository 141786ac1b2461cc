"""Several sets of one evaluation: what a TOML file says of each, and the folder that its results go to."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass
from pathlib import Path
from typing import Any

from enhancer.errors import SettingsError
from training.recipes import checked

FOLDER = Path(__file__).parent / "sets"
KEYS = ("preset", "seed", "background", "data_dir", "limit", "no_harm")  # flags that a set may set


@dataclass(frozen=True)
class NamedSet:
    """A set of pictures and what is done to them.

    Attributes:
        name: As the file has it.
        folder: Name of the folder of its results.
        settings: Flag -> value, of the flags that it sets.
    """

    name: str
    folder: str
    settings: Mapping[str, Any]

    @property
    def absent(self) -> str | None:
        """The sentence why it has to be left out: a folder of its own is not there; None if all are."""
        given = self.settings.get("data_dir", "").split(",")
        missing = [name.strip() for name in given if name.strip() and not Path(name.strip()).is_dir()]
        return f"There is no folder {' and no folder '.join(missing)}." if missing else None


def names() -> list[str]:
    """Return the files of sets that this package has."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def folder_of(name: str) -> str:
    """Return the name of a set's folder: lower case, and a hyphen for whatever is no letter, digit, point or hyphen."""
    return re.sub(r"[^\w.-]+", "-", name.casefold()).strip(".-")


def read_sets(name: str, flags: Mapping[str, Field[Any]]) -> list[NamedSet]:
    """Read a file of sets.

    Args:
        name: A file of this package, such as "standard", or the path of a .toml file.
        flags: The fields of the evaluation's flags, by name.

    Raises:
        SettingsError: It does not exist, is no TOML, has no sets, two with one folder, or a set that sets what it cannot.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise SettingsError(
            f"There are no sets {name!r} for --sets. Give {', '.join(names())}, or the path of a .toml file."
        )
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"The sets in {path} cannot be read: {error}.") from error
    if not tables:
        raise SettingsError(
            f'{path} holds no set. Write a table for each, such as [splat-fine] with preset = "splat-fine".'
        )
    found: dict[str, NamedSet] = {}
    for title, table in tables.items():
        if not isinstance(table, dict):
            raise SettingsError(f"{path} sets {title} outside of any set. Put it below the [name] of one.")
        if unknown := sorted(table.keys() - set(KEYS)):
            raise SettingsError(
                f"The set {title!r} of {path} sets {', '.join(unknown)}. A set knows {', '.join(KEYS)}."
            )
        settings = {key: checked(value, flags[key], f"The set {title!r} of {path}") for key, value in table.items()}
        folder = folder_of(title)
        if not folder or re.search("[:<>=]", title):
            raise SettingsError(
                f"The set {title!r} of {path} needs a name with a letter or a digit in it, and without : < > =, "
                "which gates are written with."
            )
        if folder in found:
            raise SettingsError(
                f"The sets {found[folder].name!r} and {title!r} of {path} would share the folder {folder}. Rename one."
            )
        found[folder] = NamedSet(title, folder, settings)
    return list(found.values())
