"""What a visitor's hands and eyes do on the page, and the marks of all tests that do it."""

from mimetypes import guess_type

import pytest

IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # gradio's and playwright's event loops
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the server's own packages, in its thread
]


def source_of_result(page, kind="try"):
    return page.locator(f"#{kind}-slider img").last.get_attribute("src")


def wait_for_new(page, old, kind="try"):
    page.wait_for_function(
        f"old => {{ const all = document.querySelectorAll('#{kind}-slider img');"
        " return all.length == 2 && all[1].src != old }",
        arg=old,
    )


def clear(page, kind, where="picture"):
    """Take the picture out of a picture input."""
    page.locator(f"#{kind}-{where} button[aria-label='Remove Image']").click()


def drop(page, kind, name, content, where="picture"):
    """Put a file into a picture input, as choosing it does."""
    files = [{"name": name, "mimeType": "image/png", "buffer": content}]
    page.locator(f"#{kind}-{where} input[type=file]").set_input_files(files)


DROP = """([spot, files]) => {
  const carried = new DataTransfer();
  for (const [name, type, bytes] of files) carried.items.add(new File([new Uint8Array(bytes)], name, { type }));
  const about = { dataTransfer: carried, bubbles: true, cancelable: true };
  const target = document.querySelector(spot);
  for (const kind of ["dragenter", "dragover"]) target.dispatchEvent(new DragEvent(kind, about));
  const marked = document.querySelectorAll(".dropping").length;
  const drop = new DragEvent("drop", about);
  target.dispatchEvent(drop);
  return [marked, drop.defaultPrevented];
}"""


def drag(page, spot, *files, places=1):
    """Drag files onto an element and leave them there; the page marks where they go, and keeps the browser from opening them."""
    carried = [(name, guess_type(name)[0] or "", list(content)) for name, content in files]
    marked, is_taken = page.evaluate(DROP, [spot, carried])
    assert marked == places
    assert is_taken
    assert page.locator(".dropping").count() == 0


def wait_for_work(page, pace, count=1):
    """Wait until the model works at so many pictures at once."""
    for _ in range(400):
        if pace.working >= count:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"The model works at {pace.working} pictures after 20 s, not at {count}.")


def wait_until_idle(page, pace):
    """Wait until the model works at nothing any more, and what came of it has reached the page."""
    pace.seconds = 0
    for _ in range(40):
        before = pace.calls
        page.wait_for_timeout(1000)
        if not pace.working and pace.calls == before:
            return
    raise AssertionError("The model still works after 40 s.")


def toast(page, words):
    page.locator(".toast-body", has_text=words).first.wait_for()
