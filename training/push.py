"""Push a checkpoint to the Hub as a new version: weights, card, licence notice, picture, LoRA for diffusers.

    python -m training.push runs/train user/repo --tag v3           # a run: its best checkpoint
    python -m training.push runs/train/checkpoint-500 user/repo --pr --dry_run
    python -m training.push --space user/name --checkpoint user/repo@v3 --hardware zero-a10g

One commit holds all of it; where nothing changed there is no commit. What a resume needs (training_state.pt) is never sent.
The token is HF_TOKEN, or what `hf auth login` keeps.
"""

import sys
from collections.abc import Sequence

from enhancer.errors import EnhancerError
from enhancer.runtime.command_line import BAD_INPUT, ArgumentParser, file_errors, print_every_name, say_error
from training.publish.checkpoint import PushOptions, push
from training.publish.space import HARDWARE, SpaceOptions, push_space


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and push."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", metavar="CHECKPOINT", help="folder of a checkpoint or of a run")
    parser.add_argument("repo", nargs="?", metavar="REPO", help="user/name on the Hub; made if it does not exist")
    parser.add_argument("--tag", help="tag of the new version, such as v3")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--pr", action="store_true", help="open a pull request instead of committing")
    parser.add_argument("--branch", help="commit to this branch")
    parser.add_argument("--dry_run", action="store_true", help="only say what would be sent")
    parser.add_argument(
        "--evaluation", help="folder, metrics.json or sets.json of its evaluation; else the run's folder is searched"
    )
    parser.add_argument("--datasets", nargs="+", default=[], help="Hub ids of the data sets it was trained on")
    parser.add_argument("--data_licence", default="", help="what the data's licence allows, in words, for the card")
    picture_help = (
        "for the card: two example heads, the sheet of an adaptation's own pairs (public then), or none (heads)"
    )
    parser.add_argument("--picture", choices=("heads", "own", "none"), default="heads", help=picture_help)
    space = parser.add_argument_group("a Space instead of a checkpoint")
    space.add_argument("--space", metavar="USER/NAME", help="send the app to this Space")
    space.add_argument("--checkpoint", default="pocket", help="what the Space runs: pocket, or user/repo@tag")
    space.add_argument("--checkpoints", nargs="+", default=[], help="what its visitors may choose from")
    space.add_argument("--parser", default="pocket", help="its face parser: pocket, or a name on the Hub")
    hardware_help = f"what a new Space runs on ({HARDWARE}); cpu-basic needs a paid plan, t4-small is paid by the hour"
    space.add_argument("--hardware", default=HARDWARE, help=hardware_help)
    given = parser.parse_args(argv)
    if given.space:
        if given.source:
            parser.error("give CHECKPOINT and REPO, or --space, not both")
        options = SpaceOptions(
            checkpoint=given.checkpoint,
            checkpoints=given.checkpoints,
            parser=given.parser,
            hardware=given.hardware,
            private=given.private,
            dry_run=given.dry_run,
        )
        result = push_space(given.space, options)
    else:
        if not given.repo:
            parser.error("give CHECKPOINT and REPO, or --space USER/NAME")
        options = PushOptions(
            tag=given.tag,
            private=given.private,
            pull_request=given.pr,
            branch=given.branch,
            dry_run=given.dry_run,
            evaluation=given.evaluation,
            datasets=tuple(given.datasets),
            data_licence=given.data_licence,
            picture=given.picture,
        )
        result = push(given.source, given.repo, options)
    print(result)


if __name__ == "__main__":
    print_every_name()
    try:
        with file_errors():
            main()
    except EnhancerError as error:
        say_error(error)
        sys.exit(BAD_INPUT)
