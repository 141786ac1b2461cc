"""What a visitor asked for last, so that work on anything older ends, and what is shown says whether it is that. No gradio."""

# Milliseconds since the page was opened: grows with every click, and is told by the browser alone.
NOW = "Math.ceil(performance.now())"
# How much of what is shown belongs to the last wish: nothing, the words (how long it takes), the two pictures, all of it.
NOTHING, WORDS, PICTURES, ALL = "nothing", "words", "pictures", "all"
MIXED = "mixed"  # by the page itself, until the result of another strength is there
# once the last wish was stopped, or something else is chosen; "earlier silent" where the line on the earlier result is gone
EARLIER = "earlier"


class Wishes:
    """A visitor's wishes in a tab, each the time of its click. It lies in a `gr.State`: one for each visitor."""

    def __init__(self) -> None:
        """Nothing was asked for yet."""
        self.newest = 0.0

    def note(self, wish: float) -> None:
        """Take the time of a click; those before it no longer stand, in whichever order they arrive."""
        self.newest = max(self.newest, wish)

    def stands(self, wish: float) -> bool:
        """Say whether nothing was asked for since; 0 is what the page shows by itself."""
        return wish >= self.newest


class OvertakenError(Exception):
    """Something else was asked for meanwhile."""


def outdated_in(kind: str) -> str:
    """Return JavaScript after which all that a tab shows is marked as of an earlier wish.

    Args:
        kind: Of the tab, as in the ids of its parts.
    """
    return (
        f"const tab = document.querySelector('#{kind}-slider').closest('[role=tabpanel]');"
        f"tab.dataset.since = {NOW}; tab.dataset.shown = '{NOTHING}'; tab.querySelector('[data-stopped]')?.replaceChildren();"
    )


def changed_in(kind: str) -> str:
    """Return JavaScript after which all that a tab shows, and what is still to come, is said to be an earlier result.

    Args:
        kind: Of the tab.
    """
    return outdated_in(kind) + f"tab.dataset.shown = '{EARLIER}';"


def mixed_in(kind: str) -> str:
    """Return JavaScript after which the two pictures stay as the page mixes them, and what is told of them is outdated.

    Args:
        kind: Of the tab.
    """
    return outdated_in(kind) + f"tab.dataset.shown = '{MIXED}';"


def stopped_in(kind: str) -> str:
    """Return a JavaScript function that says that work was stopped, and that what is shown is of an earlier wish.

    Args:
        kind: Of the tab.
    """
    return f"""() => {{
  const tab = document.querySelector("#{kind}-slider").closest("[role=tabpanel]");
  const said = tab.querySelector("[data-stopped]");
  said.textContent = said.dataset.stopped;
  tab.dataset.since = {NOW};
  const earlier = {{ {NOTHING}: "{EARLIER}", {MIXED}: "{EARLIER}", {WORDS}: "{EARLIER} silent" }}[tab.dataset.shown];
  if (earlier) tab.dataset.shown = earlier;
  return {NOW};
}}"""


def shown_in(kind: str) -> str:
    """Return a JavaScript function of "wish part": so much of the wish is shown now, once its pictures are there to see."""
    return f"""async (said) => {{
  const [wish, part] = said.split(" ");
  const slider = document.querySelector("#{kind}-slider");
  const tab = slider.closest("[role=tabpanel]");
  tab.said = said; // what was said last counts, whichever has its pictures first
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  await Promise.all([...slider.querySelectorAll("img")].map((image) => image.decode().catch(() => null)));
  if (tab.said === said && Number(wish) >= Number(tab.dataset.since ?? 0)) tab.dataset.shown = part;
}}"""
