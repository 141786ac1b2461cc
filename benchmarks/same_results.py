"""Show that two checkouts give the same results: before a change that is to change nothing, and after it.

    python -m benchmarks.same_results OLD_CHECKOUT NEW_CHECKOUT

Runs command lines, the app's API, a training run with a resume, and an evaluation in both, and compares what they write:
pictures and weights byte by byte, reports without what a clock or a path says. Nothing of the project is imported, so
it does not matter what moved. Needs git for neither; takes about five minutes on two cores.

Exit codes: 0 all the same, 1 something differs.
"""

import argparse
import contextlib
import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

PORT = 7917
# Keys of reports whose values are a clock's, a path's, a commit's or the memory's.
MEASURED = re.compile(
    r"second|time|timing|memory|picture.*s_a_second|busy|commit|folder|machine|program|source|fingerprint|output",
    re.I,
)
TRAIN = (
    "training.train --train_data_dir data/train --validation_data_dir data/test --checkpoint pocket --lpips_net alex "
    "--gram_weight 0 --adversarial_weight 0.1 --adversarial_start_step 2 --resolution 64 --max_train_steps 6 "
    "--validation_steps 3 --checkpointing_steps 3 --rank 4 --vae_rank 2 --lr_warmup_steps 2"
)
JOURNALS = ("done.jsonl", ".splat-enhancer-0.jsonl")  # in the order in which threads were done
COMMANDS: dict[str, str] = {
    "restore a folder": "enhancer restore heads --degrade --seed 7 --json scores.json -o restored",
    "restore by regions": "enhancer restore heads/head_02.png --strength hair=0.5 -o part",
    "degrade in steps": "enhancer degrade heads/head_02.png --steps --seed 3 -o steps",
    "prepare": "training.prepare --photographs heads --resolution 128 --test_share 0.4 --output_dir data",
    "preview": "training.preview --train_data_dir data/train --resolution 64 --sheet preview.png",
    "train": f"{TRAIN} --output_dir whole",
    "train to step 3": f"{TRAIN} --output_dir stopped --stop_at_step 3",
    "resume": f"{TRAIN} --output_dir stopped",
    "evaluate": "training.evaluate --data_dir data/test --lpips_nets alex --output_dir evaluation",
}


def run(checkout: Path, out: Path) -> None:
    """Run all commands, and the API, with the code of one checkout, in a folder of their own."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(checkout)}
    for name, command in COMMANDS.items():
        start = time.perf_counter()
        words = [sys.executable, "-m", *command.split()]
        done = subprocess.run(words, cwd=out, env=env, capture_output=True, text=True)
        said = done.stdout + (done.stderr[-2000:] if done.returncode else "")
        (out / f"{name}.txt").write_text(f"exit code {done.returncode}\n{said}")
        print(f"    {name}: exit code {done.returncode}, {time.perf_counter() - start:.0f} s", flush=True)
    ask(checkout, out / "api", env)


def ask(checkout: Path, out: Path, env: dict[str, str]) -> None:
    """Start the app, call every endpoint, keep the answers."""
    from gradio_client import Client, handle_file

    out.mkdir()
    head = handle_file(str(out.parent / "heads/head_02.png"))
    env = env | {"GRADIO_SERVER_PORT": str(PORT), "GRADIO_ANALYTICS_ENABLED": "False"}
    with subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=checkout,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            client = connected(lambda: Client(f"http://127.0.0.1:{PORT}", verbose=False))
            calls: dict[str, Any] = {
                "restore": {
                    "image": head,
                    "degrade_first": True,
                    "seed": 7,
                    "region_strengths": {"hair": 0.5},
                },
                "degrade": {"image": head, "seed": 5},
                "steps": {"image": head, "seed": 5},
                "score": {"image": head, "reference": head},
                "info": {},
            }
            for name, arguments in calls.items():
                keep(client.predict(**arguments, api_name=f"/{name}"), out, name)
        finally:
            server.terminate()


def connected(connect: Any) -> Any:
    """Try until the app answers."""
    for _ in range(240):
        try:
            return connect()
        except Exception:
            time.sleep(0.5)
    raise SystemExit("The app does not start.")


def keep(answer: Any, out: Path, name: str) -> None:
    """Write an answer: its files by number, the rest as JSON."""
    found: list[Any] = []
    for part in answer if isinstance(answer, tuple | list) else [answer]:
        path = part.get("image") if isinstance(part, dict) else part
        if isinstance(path, str) and Path(path).is_file():
            shutil.copy(path, out / f"{name}-{len(found)}{Path(path).suffix}")
            found.append("a file")
        else:
            found.append(part)
    (out / f"{name}.json").write_text(json.dumps(found, indent=1))


def content(path: Path, folders: tuple[Path, ...]) -> str:
    """Return what of a file is to be the same: a hash, or text without what was measured."""
    if path.suffix == ".pt" or path.name in JOURNALS:  # they hold times
        return "there"
    if path.suffix in (".json", ".jsonl"):
        text = path.read_text()
        lines = text.splitlines() if path.suffix == ".jsonl" else [text]
        with contextlib.suppress(ValueError):  # of a journal's first line
            text = json.dumps([without_measured(json.loads(line)) for line in lines], sort_keys=True)
    elif path.suffix == ".csv":
        rows = list(csv.DictReader(path.read_text().splitlines()))
        text = json.dumps(without_measured(rows))
    elif path.suffix in (".txt", ".md", ".html"):
        text = re.sub(
            r"\d[\d.,:]* ?(s|ms|MiB|MB|GB|%|a second|pictures a second|step/s)(?!\w)|[0-9a-f]{40}|commit [0-9a-f]{12}|\.\d+s",
            "#",
            path.read_text(),
        )
        text = re.sub(r'("?(latency_)?seconds"?|picture takes).*', "#", text)
    else:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    for folder in sorted(map(str, folders), key=len, reverse=True):
        text = text.replace(folder, "FOLDER")
    return text


def without_measured(value: Any) -> Any:
    """Return parsed JSON without the keys of `MEASURED`."""
    if isinstance(value, dict):
        return {key: without_measured(each) for key, each in value.items() if not MEASURED.search(key)}
    return [without_measured(each) for each in value] if isinstance(value, list) else value


def main() -> int:
    """Run both, compare, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs=2, type=Path, metavar="CHECKOUT")
    parser.add_argument("--keep", type=Path, help="an empty folder to write to; without it nothing is kept")
    given = parser.parse_args()
    checkouts = [path.resolve() for path in given.checkouts]
    with tempfile.TemporaryDirectory() as scratch:
        outs = [(given.keep or Path(scratch)).resolve() / name for name in ("old", "new")]
        for checkout, out in zip(checkouts, outs, strict=True):
            print(checkout.name)
            shutil.copytree(checkouts[0] / "examples/heads", out / "heads")
            run(checkout, out)
        files = sorted({str(path.relative_to(out)) for out in outs for path in out.rglob("*") if path.is_file()})
        differing = [name for name in files if not same(*(out / name for out in outs), (*outs, *checkouts))]
        kinds = Counter(Path(name).suffix for name in files)
        print(
            f"{len(files)} files ({', '.join(f'{count} {kind}' for kind, count in kinds.items())}); {len(differing)} differ"
        )
        print("\n".join(differing))
    return 1 if differing else 0


def same(old: Path, new: Path, folders: tuple[Path, ...]) -> bool:
    """Say whether a file is there twice and says the same."""
    return old.is_file() and new.is_file() and content(old, folders) == content(new, folders)


if __name__ == "__main__":
    sys.exit(main())
