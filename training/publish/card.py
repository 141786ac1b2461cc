"""The model card of a checkpoint: front matter the Hub reads, and a page for people, from the run and its evaluation."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from enhancer.model.config import EMBEDDED, EnhancerConfig
from training.data.contents import in_words, pairs_in_words
from training.evaluation.metrics import COLUMNS, KINDS, score_of
from training.report import set_tables
from training.report.tables import how_degraded, markdown

TEMPLATE = Path(__file__).parent / "card_template.md"
STABILITY = "stabilityai-ai-community"
STABILITY_LICENCE = "https://huggingface.co/stabilityai/sd-turbo/blob/main/LICENSE.md"
NOTICE = (
    "This Stability AI Model is licensed under the Stability AI Community License, Copyright © Stability AI Ltd. "
    "All Rights Reserved\n\nPowered by Stability AI\n\n"
    "Changed by this checkpoint: low-rank adapters (LoRA) and skip connections were added to {base}, and the first "
    "convolution of its UNet was trained.\n"
    f"The agreement: {STABILITY_LICENCE}\n"
)
LICENCE_FILE = "LICENSE"
# Where things lay on the machine of the run: no business of the card's readers.
_PLACES = re.compile(r"(_dir|_dirs|_weights|_path|checkpoint|token|_id)$")
_SPLITS = ("train", "test", "val", "validation", "images")
_LOSSES = (
    "l1_weight",
    "lpips_weight",
    "perceptual_weight",
    "gram_weight",
    "clip_weight",
    "gradient_variance_weight",
    "adversarial_weight",
)
_REGIONAL = (
    "psnr",
    "lpips_vgg",
    "lpips_alex",
    "squeeze",
)  # of the scores by region, those a card has room for


class Picture(NamedTuple):
    """A picture of the card."""

    file: str  # its name in the repository
    shows: str


@dataclass(frozen=True)
class CardInfo:
    """What a card is written about.

    Attributes:
        config: Of the checkpoint.
        repo: Where it will be.
        tag: Of this version; None: the newest is meant.
        run: The training run's settings, a `TrainConfig` as JSON; None where they are not known.
        metrics: `metrics.json` of this very checkpoint's evaluation; None where there is none.
        sets: `sets.json` of its evaluation on several sets, which is shown in place of `metrics`.
        step: Steps that these weights had of the run; None where that is not known.
        gained: What they gain over the run's start, in words.
        terms_of_start: Of the checkpoint that the run began with, in words: they come along.
        datasets: Hub ids of the data sets it was trained on.
        data_licence: What the data's licence allows, in words.
        picture: What it shows at the top.
        lora: File name of the LoRA in diffusers' form.
    """

    config: EnhancerConfig
    repo: str
    tag: str | None = None
    run: Mapping[str, Any] | None = None
    metrics: Mapping[str, Any] | None = None
    sets: Mapping[str, Any] | None = None
    step: int | None = None
    gained: str = ""
    terms_of_start: str = ""
    datasets: Sequence[str] = ()
    data_licence: str = ""
    picture: Picture | None = None
    lora: str | None = None

    @property
    def hub_base(self) -> str | None:
        """The base, if it is one on the Hub."""
        base = self.config.base
        return None if base == EMBEDDED or Path(base).is_absolute() else base


def notice(config: EnhancerConfig) -> str | None:
    """Return the text of the NOTICE file that SD-Turbo's licence asks for; None for other bases."""
    base = "the base" if config.base == EMBEDDED else config.base
    return NOTICE.format(base=base) if config.licence == STABILITY else None


def licence_file(info: CardInfo) -> str | None:
    """Return the text of the LICENSE file that the card links to; None where it links to SD-Turbo's licence."""
    return None if info.config.licence == STABILITY else f"{_licence(info)}\n\nTraining data: {_data(info)}\n"


def model_card(info: CardInfo) -> str:
    """Return the text of README.md."""
    config = info.config
    card = ModelCard.from_template(
        front_matter(info),
        template_path=str(TEMPLATE),
        name=config.name,
        repo=info.repo,
        ref=f"{info.repo}@{info.tag}" if info.tag else info.repo,
        config=config,
        opening=_opening(info),
        picture=info.picture,
        lora=info.lora,
        powered=config.licence == STABILITY,
        facts=markdown(("", ""), _facts(info)),
        **_figures(info),
        training=markdown(("", ""), _training(info, info.run)) if info.run else "",
        settings=json.dumps(_without_places(info.run), indent=2) if info.run else "",
        data=_data(info),
        licence=_licence(info),
    )
    return re.sub(r"\n{3,}", "\n\n", str(card)).strip() + "\n"


def _figures(info: CardInfo) -> dict[str, str]:
    """Return what the card says of the evaluation: introduction, table, notes; empty where there is none."""
    if info.sets:
        several = info.sets
        pictures = ", ".join(sorted({_data_name(metrics) for metrics in set_tables.sets_of(several).values()}))
        said = f"Sets of pictures ({pictures}), damaged in different ways. All scores are against the clean pictures."
        return {"evaluated": said, "scores": set_tables.for_card(several), "notes": ""}
    metrics = info.metrics
    if not metrics:
        return dict.fromkeys(("evaluated", "scores", "notes"), "")
    return {"evaluated": _evaluated(metrics), "scores": _scores(metrics), "notes": _notes(metrics)}


def front_matter(info: CardInfo) -> ModelCardData:
    """Return what the Hub reads: base, licence, task, tags, data sets, and the results as `model-index`."""
    config = info.config
    stability = config.licence == STABILITY
    if info.sets:
        found = set_tables.sets_of(info.sets).items()
        results = [result for name, metrics in found for result in _results(metrics, name)]
    else:
        results = _results(info.metrics) if info.metrics else []
    extra: dict[str, Any] = {
        "license_name": STABILITY if stability else "see-license-file",
        "license_link": STABILITY_LICENCE
        if stability
        else LICENCE_FILE,  # the Hub takes LICENSE, LICENSE.md or an address
    }
    if info.hub_base and config.unet_rank:
        extra["base_model_relation"] = "adapter"
    return ModelCardData(
        base_model=info.hub_base,
        library_name="splat-enhancer",
        pipeline_tag="image-to-image",
        license="other",
        tags=["gaussian-splatting", "face-restoration", "one-step", *(["lora"] if config.unet_rank else [])],
        datasets=list(info.datasets) or None,
        metrics=sorted({result.metric_type for result in results}) or None,
        model_name=config.name if results else None,
        eval_results=results or None,
        **extra,
    )


def _results(metrics: Mapping[str, Any], of_set: str | None = None) -> list[EvalResult]:
    """Return the restored pictures' mean scores of the whole picture, as the Hub's `model-index` has them.

    Args:
        metrics: What `metrics.json` holds.
        of_set: Of several sets, the name of this one: the Hub tells them apart by it.
    """
    out = []
    for name in _columns(metrics):
        if "." in name:
            continue
        score, value = score_of(name), metrics["rows"]["restored"][name]["mean"]
        out.append(
            EvalResult(
                task_type="image-to-image",
                task_name="Face render restoration",
                dataset_type="image-folder",
                dataset_name=_data_name(metrics) if of_set is None else f"{of_set}: {_data_name(metrics)}",
                dataset_config=of_set,
                metric_type="lpips" if name.startswith("lpips") else name,
                metric_name=score.label,
                metric_value=round(value, score.digits),
            )
        )
    return out


def _columns(metrics: Mapping[str, Any]) -> list[str]:
    """Return the scores to show, in the catalogue's order: all of the whole picture, few of each region."""
    measured = [name for name in COLUMNS if (metrics["gain"].get(name) or {}).get("count")]
    return [name for name in measured if "." not in name or name.partition(".")[2] in _REGIONAL]


def _scores(metrics: Mapping[str, Any]) -> str:
    """Return the table of mean scores, one line a score, with median and deviation of the restored pictures."""
    kinds = [kind for kind in KINDS if metrics["rows"].get(kind)]
    heads = ("mean of " + str(metrics["data"]["scored"]), *(KINDS[kind] for kind in kinds))
    lines = []
    for name in _columns(metrics):
        score, part = score_of(name), name.partition(".")[0] if "." in name else ""
        label = (f"{part}: " if part else "") + score.label + (f", {score.unit}" if score.unit else "")
        cells = [label + ("" if score.higher_is_better else " (lower is better)")]
        for kind in kinds:
            value = metrics["rows"][kind].get(name, {}).get("mean")
            text = "–" if value is None else f"{value:.{score.digits}f}"
            cells.append(f"**{text}**" if kind == "restored" else text)
        spread = metrics["rows"]["restored"][name]
        cells += [f"{spread[key]:.{score.digits}f}" for key in ("median", "std")]
        lines.append([*cells, f"{metrics['improved'][name]:.0%}"])
    return markdown((*heads, "restored: median", "std", "better for"), lines)


def _notes(metrics: Mapping[str, Any]) -> str:
    """Return what the table's words mean and what it lacks."""
    said = ['"Do nothing" is the degraded picture, scored as it is.']
    if metrics["rows"].get("vae_floor"):
        said.append('"VAE floor" is the clean picture through the autoencoder of the base and back.')
    if metrics["rows"].get("no_harm"):
        said.append('"No harm" is the clean picture after the checkpoint.')
    tint = metrics["colour_error_levels"]
    if None not in tint.values():
        colours = ", ".join(f"{tint[colour]:+.2f} {colour}" for colour in ("red", "green", "blue"))
        said.append(f"Mean colour error of 255 levels: {colours}.")
    seconds = metrics["latency_seconds"]["p50"]
    if seconds is not None:
        said.append(f"{seconds:.2f} s a picture (median) on {metrics['machine']['name']}.")
    unmeasured = [score_of(name).label for name in metrics["missing"] if name in COLUMNS]
    if unmeasured:
        said.append(f"Not measured: {', '.join(unmeasured)}.")
    return " ".join(said)


def _evaluated(metrics: Mapping[str, Any]) -> str:
    settings, data = metrics["settings"], metrics["data"]
    if settings["seed"] is not None:
        what = f"{data['scored']} pictures of {_data_name(metrics)}, {how_degraded(settings)}"
    else:
        what = f"{pairs_in_words(data.get('views') or {'': data['scored']})} ({_data_name(metrics)})"
    return f"{what}. All scores are against the clean pictures."


def _data_name(metrics: Mapping[str, Any]) -> str:
    return _folder_names(metrics["data"]["folders"])


def _folder_names(folders: str) -> str:
    """Return the names in a comma-separated list of folders, without where they lie; a split's with its data set's."""
    paths = [Path(folder.strip()) for folder in folders.split(",") if folder.strip()]
    return ", ".join("/".join(path.parts[-2:] if path.name in _SPLITS else path.parts[-1:]) for path in paths)


def _opening(info: CardInfo) -> str:
    base = info.hub_base
    if info.config.base == EMBEDDED:
        return "It carries a small base of its own, so nothing else is downloaded."
    if base is None:
        return "Its base is a model in a folder of its maker's: this repository alone does not run."
    return f"Adapters around [{base}](https://huggingface.co/{base}), which is fetched when it is loaded."


def _facts(info: CardInfo) -> list[tuple[str, str]]:
    config = info.config
    base = "its own" if config.base == EMBEDDED else info.hub_base or "a local folder"
    revision = f" at `{config.base_revision[:7]}`" if config.base_revision else ""
    parts = ["UNet" if config.unet_rank else "", "VAE decoder" if config.vae_rank else ""]
    if config.vae_rank:
        parts += ["VAE encoder" if config.adapt_encoder else "", "skips" if config.adapt_skips else ""]
    lora = f"{', '.join(filter(None, parts))}; rank {config.unet_rank}/{config.vae_rank}, alpha {config.unet_alpha:g}/{config.vae_alpha:g}"
    return [
        ("Base", base + revision),
        ("LoRA", lora if any(parts) else "none"),
        ("Timestep", f"{config.timestep}, one UNet call"),
        (
            "Trained for",
            f"faces of {config.image_size} px, {_pairs_alone(info.run) or f'degradation preset {config.preset}'}",
        ),
        *([("Prompt", f"“{config.prompt}”, encoded once and stored")] if config.prompt else []),
    ]


def _training(info: CardInfo, run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the settings that matter most, and what came of them; the others are on the card as they are."""
    losses = [f"{name.removesuffix('_weight').replace('_', ' ')} {run[name]:g}" for name in _LOSSES if run.get(name)]
    start = str(run.get("checkpoint") or "")
    lines = {
        "Started from": ("a checkpoint of its maker's" if Path(start).is_dir() else f"`{start}`") if start else None,
        "Steps": info.step if info.step is not None else run.get("max_train_steps"),
        "Gained over its start": info.gained or None,
        "Batch": run.get("train_batch_size"),
        "Crops": f"{run['resolution']} px" if "resolution" in run else None,
        "Shown": in_words(run["pictures"]) if run.get("pictures") else None,
        "Degradation": f"preset {run['preset']}" if "preset" in run and not _pairs_alone(run) else None,
        "Losses": " + ".join(losses) or None,
        "Learning rate": run.get("learning_rate"),
        "Weight decay": run.get("adam_weight_decay"),
        "Seed": run.get("seed"),
    }
    return [(name, str(value)) for name, value in lines.items() if value is not None]


def _pairs_alone(run: Mapping[str, Any] | None) -> str:
    """Return words for the ready pairs of a run that was shown nothing else; nothing for other runs."""
    shown = (run or {}).get("pictures")
    return pairs_in_words(shown["pairs"]) if shown and not shown["photographs"] else ""


def _without_places(run: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in run.items() if not _PLACES.search(key) and value != ""}


def _data(info: CardInfo) -> str:
    """Return what it was trained on, under which licence; what is not known is said not to be."""
    links = [f"[{name}](https://huggingface.co/datasets/{name})" for name in info.datasets]
    folders = _folder_names(info.run["train_data_dir"]) if info.run and info.run.get("train_data_dir") else ""
    what = ", ".join(links) or (f"pictures in `{folders}`" if folders else "not recorded")
    terms = info.data_licence or "not stated by whoever published this; take it for the strictest that faces come under"
    start = (
        f" The checkpoint that it began with brings its own terms along: {info.terms_of_start}"
        if info.terms_of_start
        else ""
    )
    return f"{what}. Their licence: {terms.rstrip('.')}.{start}"


def _licence(info: CardInfo) -> str:
    if info.config.licence == STABILITY:
        return (
            f"This is a derivative work of {info.config.base} and comes under the [Stability AI Community License]"
            f"({STABILITY_LICENCE}), free below a yearly revenue of one million US dollars; see `NOTICE`. "
            "What the training data's licence forbids holds as well. The code of Splat Enhancer is Apache-2.0."
        )
    return (
        "The weights come under what the licences of their base and their training data allow together, see above. "
        "The code of Splat Enhancer is Apache-2.0."
    )
