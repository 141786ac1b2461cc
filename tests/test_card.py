"""A model card: front matter the Hub can read, the figures there are and no others, nothing of whoever's machine."""

import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from enhancer.model import EnhancerConfig
from enhancer.model.config import EMBEDDED
from training.evaluation.metrics import COLUMNS, KINDS
from training.evaluation.summary import summary
from training.publish.card import CardInfo, licence_file, model_card, notice

TURBO = EnhancerConfig(name="turbo", base_revision="b261bac6fd2cf515557d5d0707481eafa0485ec2")
RUN = {
    "train_data_dir": "/home/jordan/faces/train",
    "output_dir": "/home/jordan/runs/train",
    "checkpoint": "user/older@v1",
    "lpips_weight": 1.0,
    "l1_weight": 0.5,
    "clip_weight": 0.0,
    "max_train_steps": 20000,
    "train_batch_size": 2,
    "resolution": 512,
    "preset": "v2",
    "learning_rate": 5e-5,
    "perceptual_weights": "/home/jordan/vgg.pth",
}


@pytest.fixture(scope="module")
def metrics():
    """What an evaluation of two pictures says: every score from 20 to 31, LPIPS from 0.2."""
    rows = []
    for k in range(2):
        row = {"file": f"{k}.png", "seconds": 0.5, "peak_memory_mib": 100.0, "processes": 1}
        for number, kind in enumerate(KINDS):
            for name in COLUMNS:
                if "foreground" not in name and "alex" not in name:
                    row[f"{kind}.{name}"] = 0.5 - number / 10 + k / 100 if "lpips" in name else 20 + number + k
        rows.append(row | {f"colour_error.{colour}": 0.5 for colour in ("red", "green", "blue")})
    return summary(rows) | {
        "settings": {"preset": "v2", "seed": 0},
        "data": {"folders": "/home/jordan/faces/test", "listed": 2, "scored": 2},
        "machine": {"name": "some GPU"},
        "missing": {"lpips_alex": "Its weights are not on this machine."},
    }


def front_matter(text: str) -> dict:
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("---\n", 2)[1])


def tables(text: str) -> list[list[str]]:
    """The lines of each table."""
    return [block.splitlines() for block in re.findall(r"(?:^\|.*\n)+", text, re.M)]


def test_front_matter_says_base_task_licence_and_results(metrics):
    matter = front_matter(model_card(CardInfo(TURBO, "user/repo", metrics=metrics, datasets=["user/faces"])))
    assert (matter["base_model"], matter["base_model_relation"]) == ("stabilityai/sd-turbo", "adapter")
    assert (matter["pipeline_tag"], matter["library_name"]) == ("image-to-image", "splat-enhancer")
    assert (matter["license"], matter["license_name"]) == ("other", "stabilityai-ai-community")
    assert matter["datasets"] == ["user/faces"]
    assert {"lora", "gaussian-splatting"} < set(matter["tags"])
    assert {"psnr", "ssim", "lpips"} < set(matter["metrics"])
    (model,) = matter["model-index"]
    measured = {each["name"]: each["value"] for each in model["results"][0]["metrics"]}
    assert (model["name"], measured["PSNR"], measured["LPIPS (VGG16)"]) == ("turbo", 22.5, 0.305)


def test_the_library_reads_its_results_back(metrics):
    card = ModelCard(model_card(CardInfo(TURBO, "user/repo", metrics=metrics)))
    assert {result.dataset_name for result in card.data.eval_results} == {"faces/test"}


def test_every_line_of_a_table_has_as_many_cells_as_its_head(metrics):
    found = tables(model_card(CardInfo(TURBO, "user/repo", run=RUN, metrics=metrics)))
    assert len(found) == 3
    for lines in found:
        assert len({line.count("|") for line in lines}) == 1
    assert (
        "| LPIPS (VGG16) (lower is better) | 0.5050 | 0.4050 | **0.3050** | 0.2050 | 0.1050 | 0.3050 | 0.0050 | 100% |"
        in found[1]
    )


def test_without_an_evaluation_the_card_says_so_and_gives_no_figure():
    text = model_card(CardInfo(TURBO, "user/repo"))
    assert "**Not evaluated.** There are no figures" in text
    assert "model-index" not in text
    assert "metrics" not in front_matter(text)
    assert "The settings of its training were not at hand" in text
    assert "Their licence: not stated" in text


def test_what_was_not_measured_is_named(metrics):
    assert "Not measured: LPIPS (AlexNet)." in model_card(CardInfo(TURBO, "user/repo", metrics=metrics))


def test_nothing_of_the_machine_is_published(metrics):
    text = model_card(CardInfo(TURBO, "user/repo", run=RUN, metrics=metrics))
    assert "/home" not in text
    assert "jordan" not in text
    assert "pictures in `faces/train`" in text
    assert "| Started from | `user/older@v1` |" in text
    assert "| Losses | l1 0.5 + lpips 1 |" in text


def test_sd_turbo_s_licence_is_shown_and_noticed_and_other_bases_are_not_said_to_have_it():
    assert "**Powered by Stability AI**" in model_card(CardInfo(TURBO, "user/repo"))
    text = notice(TURBO)
    assert text.startswith("This Stability AI Model is licensed under the Stability AI Community License, Copyright ©")
    assert "Powered by Stability AI" in text
    own = EnhancerConfig(name="own", base=EMBEDDED, unet_rank=0, vae_rank=0, licence="other")
    assert notice(own) is None
    assert front_matter(model_card(CardInfo(own, "user/repo")))["license_link"] == "LICENSE"
    assert "Training data: not recorded." in licence_file(CardInfo(own, "user/repo"))
    assert licence_file(CardInfo(TURBO, "user/repo")) is None
    card = model_card(CardInfo(own, "user/repo"))
    assert "Stability" not in card
    assert "base_model" not in front_matter(card)


def test_how_to_use_it_names_the_version_that_was_tagged():
    text = model_card(CardInfo(TURBO, "user/repo", tag="v3", lora="lora.safetensors"))
    assert "CHECKPOINT=user/repo@v3 python app.py" in text
    assert "--checkpoint user/repo@v3" in text
    assert 'SplatEnhancer.from_pretrained("user/repo@v3")' in text
    assert 'pipeline.load_lora_weights("user/repo", weight_name="lora.safetensors")' in text


def test_no_template_mark_is_left(metrics):
    for info in (
        CardInfo(TURBO, "u/r"),
        CardInfo(TURBO, "u/r", run=RUN, metrics=metrics, picture="p.png", lora="l"),
    ):
        text = model_card(info)
        assert not re.search(r"\{[{%]|[%}]\}|None", text)
        assert "\n\n\n" not in text


def test_its_template_travels_with_the_package():
    assert (Path(__file__).parents[1] / "training/publish/card_template.md").is_file()


UNSEEN = "40 ready pairs, rendered at views that the splats were not fitted to"


def test_a_card_of_ready_pairs_says_which_views_they_show_and_no_preset(metrics):
    run = RUN | {"pictures": {"photographs": 0, "pairs": {"test": 40}}}
    judged = metrics | {"settings": {"preset": None, "seed": None}}
    judged["data"] = metrics["data"] | {"views": {"test": 1, "unknown": 1}}
    text = model_card(CardInfo(TURBO, "user/repo", run=run, metrics=judged))
    assert f"| Trained for | faces of 512 px, {UNSEEN} |" in text
    assert f"| Shown | {UNSEEN} |" in text
    assert "| Degradation |" not in text
    assert "2 ready pairs: 1 rendered at views that the splats were not fitted to, 1 rendered at views of which" in text


def test_a_card_of_photographs_and_pairs_names_both():
    run = RUN | {"pictures": {"photographs": 200, "pairs": {"": 33}}}
    text = model_card(CardInfo(TURBO, "user/repo", run=run))
    assert "| Shown | 200 photographs and 33 ready pairs |" in text
    assert "| Degradation | preset v2 |" in text
