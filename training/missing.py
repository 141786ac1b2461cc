"""Networks that cannot be had: all that a run lacks are named at once, with what does without them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from enhancer.errors import UnavailableError


class MissingError(UnavailableError):
    """One or more networks are missing.

    Attributes:
        reasons: A sentence or two for each.
        instead: Settings of a run that does without all of them, by name.
    """

    def __init__(self, reasons: Sequence[str], instead: Mapping[str, Any], ending: str = "") -> None:
        """Name them, one a line."""
        super().__init__("\n".join(reasons) + ending)
        self.reasons, self.instead = tuple(reasons), dict(instead)


class Missing:
    """What has been found missing so far.

    Attributes:
        reasons: A sentence or two for each network.
        instead: Settings that do without them.
    """

    def __init__(self) -> None:
        """Nothing is missing yet."""
        self.reasons: list[str] = []
        self.instead: dict[str, Any] = {}

    @contextmanager
    def noted(self, **instead: Any) -> Iterator[None]:
        """Note what cannot be had meanwhile, instead of raising it.

        Args:
            instead: Settings that do without it.
        """
        try:
            yield
        except MissingError as error:
            self.reasons += error.reasons
            self.instead |= error.instead
        except UnavailableError as error:
            self.reasons.append(str(error))
            self.instead |= instead

    def raise_any(self) -> None:
        """Raise what was noted, if anything was.

        Raises:
            MissingError: It names all of it.
        """
        if self.reasons:
            raise MissingError(self.reasons, self.instead)
