"""What goes wrong with the Hub, in plain words. No message ever holds a token."""

import errno
import os
import re
from collections.abc import Sequence

from enhancer.errors import HubError
from enhancer.messages import Message


class UnreachableError(HubError):
    """The Hub gave no answer that settles anything: a copy on this machine may stand in."""


def offline() -> UnreachableError:
    """Return the error for a Hub that is not to be asked."""
    return UnreachableError(Message("hub.offline", "HF_HUB_OFFLINE is set, so the Hub is not asked."))


def explain(error: Exception, repo: str, revision: str | None = None, tags: Sequence[str] = ()) -> HubError:
    """Say what an error of `huggingface_hub` or of the network means for whoever asked for `repo`."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    while isinstance(error, LocalEntryNotFoundError | RuntimeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # the library wraps what it met in words about its cache, or about an upload
    if isinstance(error, HubError):
        return error
    return _refusal(error, repo, revision, tags) if isinstance(error, HfHubHTTPError) else _trouble(error, repo)


def _refusal(error: Exception, repo: str, revision: str | None, tags: Sequence[str]) -> HubError:
    """Explain an answer of the Hub."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{repo}"
    match error:
        case errors.GatedRepoError():
            said = f"{repo} is gated: accept its licence on {page}, then set HF_TOKEN to a token of that account."
        case errors.RevisionNotFoundError():
            known = f" It has the tags {', '.join(tags)}." if tags else ""
            said = f"{repo} has no revision {revision or 'main'!r}.{known} Check the part after the @."
        case errors.RemoteEntryNotFoundError():
            said = f"{repo} lacks a file that is needed: {brief(error)}."
        case errors.DisabledRepoError():
            said = f"The Hub has switched off access to {repo}. Its page may say why: {page}."
        case errors.RepositoryNotFoundError():
            said = _missing(repo)
        case errors.HfHubHTTPError():
            return _by_status(error.response.status_code, brief(error.server_message or ""), repo)
        case _:
            said = brief(error)
    return HubError(said)


def _trouble(error: Exception, repo: str) -> HubError:
    """Explain why there was no answer, or nowhere to put it."""
    from huggingface_hub import constants
    from huggingface_hub.errors import OfflineModeIsEnabled
    from huggingface_hub.utils import httpx

    match error:
        case OfflineModeIsEnabled():
            return offline()
        case httpx.HTTPError() | TimeoutError():
            return UnreachableError(
                Message(
                    "hub.unreachable",
                    "{address} cannot be reached ({reason}).",
                    address=constants.ENDPOINT,
                    reason=brief(error),
                )
            )
        case ValueError() if "Invalid metadata in README.md" in str(error):  # what a commit with a refused card ends in
            reasons = "; ".join(line.strip(" -.") for line in str(error).splitlines()[1:])
            return HubError(f"The Hub refuses the card of {repo} (the head of its README.md): {scrubbed(reasons)}.")
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            where = constants.HF_HUB_CACHE
            return HubError(f"No space is left in {where}. Make room, or set HF_HOME to another disk.")
        case OSError(errno=errno.EACCES | errno.EPERM | errno.EROFS):
            return HubError(f"{constants.HF_HUB_CACHE} cannot be written to. Set HF_HOME to a folder that can.")
    return UnreachableError(
        Message(
            "hub.trouble",
            "{repo} cannot be had from {address} now ({reason}).",
            repo=repo,
            address=constants.ENDPOINT,
            reason=brief(error),
        )
    )


def _missing(repo: str) -> str:
    hint = (
        "or HF_TOKEN belongs to an account that may not see it"
        if has_token()
        else "and then HF_TOKEN must be set to a token that may read it"
    )
    return (
        f"The Hub has no {repo}, or it is private: the answer is the same for both. "
        f"Check the name; it may be private, {hint}."
    )


def _by_status(status: int, said: str, repo: str) -> HubError:
    from huggingface_hub import constants

    if status == 401:
        if not has_token():
            return HubError(_missing(repo))
        return HubError(
            f"The Hub does not accept the token (401): it is wrong or has expired. Set HF_TOKEN to a new one from "
            f"{constants.ENDPOINT}/settings/tokens, or unset it for what is public."
        )
    if status == 402:
        return HubError(f"The Hub wants this to be paid for: {repo} (402{f': {said}' if said else ''}).")
    if status == 403:
        return HubError(
            f"The token may not do this with {repo} (403{f': {said}' if said else ''}). "
            "Set HF_TOKEN to one that may, with the role 'write' for publishing."
        )
    if status == 412:
        return HubError(
            f"Others push to {repo} at the same time (412). Nothing was sent. Try again, or push to a branch."
        )
    if status == 429:
        return UnreachableError(
            Message("hub.busy", "The Hub asks to wait: too many requests (429). Try again in some minutes.")
        )
    if status >= 500:
        answer = f"{status}: {said}" if said else str(status)
        return UnreachableError(Message("hub.failing", "The Hub has trouble of its own ({answer}).", answer=answer))
    return HubError(f"The Hub refused {repo} ({status}{f': {said}' if said else ''}).")


def require_login(token: str | None = None) -> None:
    """Refuse to go on without a token.

    Raises:
        HubError: None is given, set or kept.
    """
    from huggingface_hub import constants

    if not token and not has_token():
        raise HubError(
            "You are not logged in to the Hub: set HF_TOKEN to a token with write access, from "
            f"{constants.ENDPOINT}/settings/tokens, or run hf auth login."
        )


def has_token() -> bool:
    """Whether a token would be sent."""
    from huggingface_hub import get_token

    return get_token() is not None


def brief(error: Exception | str) -> str:
    """Return the first line of an error's text, or its kind; without tokens and without what signs an address."""
    text = (str(error).strip().splitlines() or [type(error).__name__ if isinstance(error, Exception) else ""])[0]
    return scrubbed(text).rstrip(".")


def scrubbed(text: str) -> str:
    """Blank out tokens, and the part of addresses that may hold a signature."""
    for secret in (os.environ.get("HF_TOKEN"), os.environ.get("HUGGING_FACE_HUB_TOKEN")):
        if secret and secret.strip():
            text = text.replace(secret.strip(), "[token]")
    text = re.sub(r"(?i)(bearer\s+)[^\s'\"]+", r"\1[token]", text)
    return re.sub(r"(https?://[^\s?'\"]+)\?[^\s'\"]+", r"\1", re.sub(r"hf_\w{6,}", "[token]", text))
