"""An address that opens the page with an example and its settings. It holds them all itself: nothing is kept for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from enhancer.degradation import Degrading
from enhancer.degrade import DEFAULT_PRESET, strengths_of
from enhancer.errors import SettingsError
from enhancer.imaging.blend import Restoration
from enhancer.imaging.provenance import Record
from enhancer.imaging.regions import REGION_NAMES
from enhancer.messages import Message
from page.backend import HEADS
from page.limits import LARGEST_SEED

NOT_HERE = Message(
    "link.not_here",
    "This link asks for something that is not here; the first example is shown instead.",
)
LINKED = "example"  # the parameter that makes an address a link of ours
_DAMAGE, _KEPT = (
    "damage_",
    "restore_",
)  # before a region's name: strength of the degradation, of the restoration
_NAMES = {"example", "preset", "seed", "strength"} | {
    f"{kind}{region}" for kind in (_DAMAGE, _KEPT) for region in REGION_NAMES
}


@dataclass(frozen=True)
class Link:
    """What a link opens.

    Attributes:
        example: One of `HEADS`.
        record: The settings.
    """

    example: Path
    record: Record

    def query(self) -> str:
        """Return it as the query of an address, "?..."; what is as it would be anyway is left out."""
        record = self.record
        preset = record.preset or DEFAULT_PRESET
        given: dict[str, str | float | int] = {
            "example": self.example.stem,
            "preset": preset,
            "seed": record.seed or 0,
        }
        if record.strength != 1:
            given["strength"] = round(record.strength, 3)
        if record.strengths:
            usual = strengths_of(preset)
            given |= {_DAMAGE + name: round(at, 3) for name, at in record.strengths.items() if at != usual[name]}
        given |= {_KEPT + name: round(at, 3) for name, at in record.regions.items() if at != 1}
        return "?" + urlencode(given)


def read_link(query: Mapping[str, str]) -> Link | None:
    """Read the query of the page's address; None where it is no link of ours. Other parameters are gradio's.

    Raises:
        SettingsError: It names an example or a setting that does not exist.
    """
    given = {name: value for name, value in query.items() if name in _NAMES}
    if LINKED not in given:
        return None
    heads = {path.stem: path for path in HEADS}
    if given["example"] not in heads:
        raise SettingsError(NOT_HERE)
    try:
        seed, strength = int(given.get("seed", "0")), float(given.get("strength", "1"))
        damage, kept = (_by_region(given, kind) for kind in (_DAMAGE, _KEPT))
    except ValueError as error:
        raise SettingsError(NOT_HERE) from error
    preset = given.get("preset", DEFAULT_PRESET)
    Degrading(preset, damage, seed)  # these two refuse what is out of range
    Restoration(strength, kept)
    if not 0 <= seed <= LARGEST_SEED:
        raise SettingsError(NOT_HERE)
    return Link(
        heads[given["example"]],
        Record(preset=preset, seed=seed, strengths=damage, strength=strength, regions=kept),
    )


def _by_region(given: Mapping[str, str], kind: str) -> dict[str, float]:
    return {name: float(given[kind + name]) for name in REGION_NAMES if kind + name in given}
