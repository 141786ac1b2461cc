"""A card, README.md, is judged by the Hub before anything else is sent: a commit with one that it refuses fails late."""

from enhancer.errors import HubError


def check_card(text: str, repo: str, kind: str = "model", token: str | None = None) -> None:
    """Ask the Hub whether it would take a card.

    Args:
        text: All of README.md.
        repo: Where it would go.
        kind: ``"model"`` or ``"space"``.
        token: None: HF_TOKEN, or what `hf auth login` keeps.

    Raises:
        HubError: It would not; the message has its reasons.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    answer = get_session().post(
        f"{constants.ENDPOINT}/api/validate-yaml",
        json={"content": text, "repoType": kind},
        headers=build_hf_headers(token=token),
    )
    if answer.status_code == 400:
        reasons = [str(each.get("message", each)).rstrip(".") for each in answer.json().get("errors", [])]
        raise HubError(
            f"The Hub refuses the card of {repo} (the head of its README.md): {'; '.join(reasons) or answer.text}. "
            "Nothing was sent."
        )
    hf_raise_for_status(answer)
