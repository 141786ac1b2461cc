"""Self-contained HTML pages: Jinja2 fills the templates of `templates/`, and pictures go inside the page."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.report.charts import number
from training.report.contact_sheet import fitted

TEMPLATES = Path(__file__).parent / "templates"
SIDE = 512  # px; larger pictures are shown scaled down
WEBP_QUALITY = 86


class Headline(NamedTuple):
    """A large number below the title."""

    label: str
    value: str
    unit: str
    note: str


@dataclass(frozen=True)
class Embedded:
    """A picture inside the page."""

    address: str  # data:image/webp;base64,...
    width: int  # px
    height: int


@dataclass(frozen=True)
class Version:
    """One version of a picture, with the scores that are written below it."""

    label: str
    described: str  # for who cannot see it
    picture: Embedded
    scores: list[str]


@dataclass(frozen=True)
class Shown:
    """A picture's versions, side by side."""

    file: str
    gain: float  # dB
    versions: list[Version]


def embedded(picture: np.ndarray) -> Embedded:
    """Return a picture as it goes into a page: scaled down to `SIDE`, as WebP.

    Args:
        picture: (H, W, 3) in [0, 1].
    """
    image, held = fitted(picture, SIDE), io.BytesIO()
    image.save(held, "WEBP", quality=WEBP_QUALITY, method=4)
    address = f"data:image/webp;base64,{base64.b64encode(held.getvalue()).decode()}"
    return Embedded(address, image.width, image.height)


def render(template: str, **data: Any) -> str:
    """Return a page: a template of `templates/`, filled with `data`.

    Whatever is no markup of the template itself is escaped.

    Raises:
        jinja2.UndefinedError: The template names something that `data` lacks.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["number"] = number
    return environment.get_template(template).render(data)
