"""The objective: what holds for every term, how terms add up, and what is said where a network cannot be had."""

# Must precede torchvision, lpips and transformers.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from enhancer.errors import SettingsError, UnavailableError
from enhancer.metrics import trunks
from enhancer.metrics.network import LpipsNetwork, published_heads
from tests.loss_networks import (
    SIDE,
    clip_model,
    former_objective,
    lpips_network,
    pictures,
    vgg16_trunk,
    vgg_state,
)
from training.config import TrainConfig
from training.losses import networks, objective
from training.losses.networks import ClipSimilarity, Lpips, SqueezeFeatures, VggFeatures
from training.losses.objective import GRAM_UNIT, Objective, Term, build_objective, early_gram_distance
from training.losses.terms import feature_distance, gradient_variance, gram_distance, l1


@pytest.fixture(scope="module")
def terms(squeeze) -> dict[str, Term]:
    """The catalogue: every term the objective knows, on small or random networks."""
    seen = SqueezeFeatures(squeeze)
    lpips = Lpips(lpips_network())
    prompt = torch.randn(1, 8, generator=torch.Generator().manual_seed(1))
    return {
        "l1": Term("l1", 1.0, l1),
        "perceptual": Term("perceptual", 1.0, feature_distance, seen),
        "gram": Term("gram", 1.0, gram_distance, VggFeatures(vgg_state())),
        "squeeze gram": Term("gram", 1.0, early_gram_distance, seen, unit=GRAM_UNIT),
        "lpips": Term("lpips", 1.0, lpips.distance, lpips),
        "clip": Term("clip", 1.0, ClipSimilarity(clip_model(), prompt)),
        "gradient_variance": Term("gradient_variance", 1.0, gradient_variance),
    }


NAMES = ("l1", "perceptual", "gram", "squeeze gram", "lpips", "clip", "gradient_variance")
DISTANCES = tuple(name for name in NAMES if name != "clip")  # CLIP looks at one picture and a prompt


def judged(term: Term, restored: Tensor, clean: Tensor) -> Tensor:
    """What a term says of each image."""
    if term.network is None:
        return term.function(restored, clean)
    return term.function(term.network(restored), term.network(clean))


@pytest.fixture
def config(squeeze) -> TrainConfig:
    """L1 alone."""
    return TrainConfig(
        train_data_dir="faces",
        l1_weight=0.5,
        lpips_weight=0.0,
        gram_weight=0.0,
        perceptual_weights=str(squeeze),
    )


# Every term


@pytest.mark.parametrize("name", NAMES)
def test_every_term_gives_one_finite_number_per_image(terms, name):
    values = judged(terms[name], pictures(3, 1), pictures(3))
    assert (values.shape, values.dtype) == ((3,), torch.float32)
    assert torch.isfinite(values).all()
    assert (values > 0).all()


@pytest.mark.parametrize("name", DISTANCES)
def test_identical_pictures_are_at_no_distance(terms, name):
    assert judged(terms[name], pictures(2), pictures(2)).tolist() == [0, 0]


@pytest.mark.parametrize("name", DISTANCES)
def test_more_harm_is_more_distance(terms, name):
    noise = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    near, far = (judged(terms[name], pictures(2) + amount * noise, pictures(2)) for amount in (0.05, 0.5))
    assert (near < far).all()


@pytest.mark.parametrize("name", NAMES)
def test_images_of_a_batch_never_mix(terms, name):
    restored, clean = pictures(2, 1), pictures(2)
    together = judged(terms[name], restored, clean)
    alone = [judged(terms[name], restored[k : k + 1], clean[k : k + 1]) for k in range(2)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_restored_picture_alone(terms, name):
    restored, clean = pictures(1, 1).requires_grad_(), pictures(1).requires_grad_()
    goal = Objective((terms[name],))
    loss, _ = goal(restored, clean, 0)
    loss.backward()
    assert torch.isfinite(restored.grad).all()
    assert restored.grad.abs().sum() > 0
    assert clean.grad is None
    assert not any(parameter.requires_grad for parameter in goal.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_every_term_and_its_gradient_are_finite_under_autocast_and_near_float32(terms, name):
    restored, clean = pictures(1, 1)[..., :32, :32].requires_grad_(), pictures(1)[..., :32, :32]
    goal = Objective((terms[name],))
    exact, _ = goal(restored, clean, 0)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = goal(restored.bfloat16(), clean, 0)
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(restored.grad).all()
    assert loss.item() == pytest.approx(exact.item(), rel=0.05)


@pytest.mark.parametrize("name", DISTANCES)
def test_a_flat_black_picture_has_a_finite_gradient(terms, name):
    restored = torch.full((1, 3, SIDE, SIDE), -1.0).requires_grad_()
    loss, _ = Objective((terms[name],))(restored, pictures(1), 0)
    loss.backward()
    assert torch.isfinite(restored.grad).all()


def test_the_catalogue_is_complete(terms):
    known = {name.removesuffix("_weight") for name in vars(TrainConfig) if name.endswith("_weight")}
    assert {term.name for term in terms.values()} == known - {"adversarial"}


def test_networks_stay_in_evaluation_mode(terms):
    goal = Objective(tuple(terms[name] for name in ("l1", "lpips"))).train()
    assert not any(part.training for part in goal.networks.modules() if not isinstance(part, torch.nn.ModuleList))


# The objective


def test_the_loss_is_the_weighted_sum_of_the_named_parts(terms):
    weighted = (replace(terms["l1"], weight=0.5), replace(terms["lpips"], weight=2.0))
    loss, parts = Objective(weighted)(pictures(2, 1), pictures(2), 0)
    assert list(parts) == ["l1", "lpips"]
    assert loss.item() == pytest.approx(0.5 * float(parts["l1"]) + 2 * float(parts["lpips"]))
    assert not any(part.requires_grad for part in parts.values())
    assert float(parts["l1"]) == pytest.approx(float(l1(pictures(2, 1), pictures(2)).mean()))


def test_the_embedded_checkpoints_objective_is_to_the_bit_what_it_was(config, squeeze):
    settings = replace(config, l1_weight=1.0, perceptual_weight=0.15, gram_weight=0.07, gram_features="squeezenet")
    ours, theirs = pictures(2, 1).requires_grad_(), pictures(2, 1).requires_grad_()
    loss, parts = build_objective(settings)(ours, pictures(2), 0)
    expected, expected_parts = former_objective(SqueezeFeatures(squeeze), theirs, pictures(2))
    loss.backward()
    expected.backward()
    assert loss.item() == expected.item()
    assert parts == {name: part.detach() for name, part in expected_parts.items()}
    assert torch.equal(ours.grad, theirs.grad)


def test_terms_that_share_a_network_share_its_features(terms):
    calls = []
    hook = terms["perceptual"].network.register_forward_hook(lambda *_: calls.append(1))
    Objective((terms["perceptual"], terms["squeeze gram"]))(pictures(1, 1), pictures(1), 0)
    hook.remove()
    assert len(calls) == 2  # the restored and the clean pictures


def test_a_ramp_grows_from_nothing_to_the_whole_weight():
    ramp = Term("lpips", 2.0, l1, ramp_steps=100)
    assert [ramp.weight_at(step) for step in (0, 25, 50, 100, 1000)] == [0, 0.5, 1.0, 2.0, 2.0]
    assert Term("lpips", 2.0, l1).weight_at(0) == 2.0
    goal = Objective((Term("l1", 1.0, l1), replace(ramp, function=l1)))
    losses = [goal(pictures(1, 1), pictures(1), step)[0].item() for step in (0, 50, 100)]
    assert losses[1:] == pytest.approx([2 * losses[0], 3 * losses[0]])


def test_moving_the_objective_moves_every_network(terms):
    goal = Objective(tuple(terms[name] for name in ("perceptual", "lpips", "clip"))).double()
    assert {each.dtype for each in terms["clip"].function.parameters()} == {torch.float64}
    goal.float()
    assert len(goal.networks) == 3


# What is loaded


def test_a_term_of_weight_0_loads_nothing_and_is_not_reported(config, monkeypatch):
    monkeypatch.setattr(objective, "SqueezeFeatures", None)  # calling it would fail
    monkeypatch.setattr(trunks, "download", None)
    goal = build_objective(replace(config, gradient_variance_weight=0.1))
    assert [term.name for term in goal.terms] == ["l1", "gradient_variance"]
    assert list(goal.parameters()) == []


def test_every_weight_brings_its_term(config, monkeypatch):
    monkeypatch.setattr(Lpips, "from_pretrained", lambda *_: Lpips(lpips_network()))
    monkeypatch.setattr(VggFeatures, "from_pretrained", lambda: VggFeatures(vgg_state()))
    monkeypatch.setattr(ClipSimilarity, "from_pretrained", lambda _: ClipSimilarity(clip_model(), torch.ones(1, 8)))
    weights = {
        "l1": 2.0,
        "perceptual": 0.1,
        "lpips": 0.5,
        "gram": 0.01,
        "clip": 0.4,
        "gradient_variance": 0.2,
    }
    changes = {f"{name}_weight": weight for name, weight in weights.items()}
    goal = build_objective(replace(config, **changes, lpips_ramp_steps=10))
    assert {term.name: term.weight for term in goal.terms} == weights
    assert {term.name: term.ramp_steps for term in goal.terms if term.ramp_steps} == {"lpips": 10}
    _, parts = goal(pictures(1, 1), pictures(1), 0)
    assert list(parts) == list(weights)


def test_without_any_weight_there_is_nothing_to_learn(config):
    with pytest.raises(SettingsError, match="Every loss has weight 0"):
        build_objective(replace(config, l1_weight=0.0))


def test_a_weight_below_0_or_without_value_is_refused():
    for weight in (-1.0, float("nan"), float("inf")):
        with pytest.raises(SettingsError, match=f"--l1_weight must be 0 or more, got {weight}"):
            Objective((Term("l1", weight, l1),))


def test_the_squeezenet_file_is_asked_for_by_its_flag(config):
    for weights, error, message in (
        ("", SettingsError, "--perceptual_weights FILE.*--perceptual_weight 0"),
        ("nowhere.pth", UnavailableError, r"nowhere\.pth do not exist.*--perceptual_weight 0"),
    ):
        with pytest.raises(error, match=message):
            build_objective(replace(config, perceptual_weight=1.0, perceptual_weights=weights))


@pytest.fixture
def no_network(monkeypatch, tmp_path) -> Path:
    """Empty caches, and every server refuses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(trunks.VARIABLE, raising=False)
    monkeypatch.setattr(trunks, "VGG16", replace(trunks.VGG16, url=f"http://127.0.0.1:{port}/vgg16-00000000.pth"))
    url = f"http://127.0.0.1:{port}/vgg19-dcbb9e9d.pth"
    monkeypatch.setattr(networks, "VGG19", replace(networks.VGG19, url=url))
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"lpips_weight": 1.0},
            r"No lpips loss: the VGG16 weights .* \(528 MB\).*--lpips_weight 0 .*--lpips_net alex",
        ),
        (
            {"gram_weight": 1.0, "gram_features": "vgg16"},
            r"No gram loss: the VGG16 weights .* \(528 MB\).*--gram_weight 0 .*squeezenet",
        ),
        (
            {"gram_weight": 1.0},
            r"No gram loss: the VGG19 .* \(548 MB\).*--gram_weight 0 .*--gram_features squeezenet",
        ),
        (
            {"clip_weight": 1.0},
            r"No clip loss: The CLIP openai/clip-vit-base-patch32 is not on this machine.*--clip_weight 0",
        ),
    ],
)
def test_a_network_that_cannot_be_had_is_named_with_the_flag_that_does_without(config, no_network, changes, message):
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=message):
        build_objective(replace(config, **changes))
    assert time.monotonic() - started < 10


def test_gram_over_vgg16_looks_through_lpips_own_network_once(config, monkeypatch):
    vgg = LpipsNetwork("vgg", vgg16_trunk(), published_heads("vgg"))
    asked = []
    monkeypatch.setattr(Lpips, "from_pretrained", lambda *given: asked.append(given) or Lpips(vgg))
    both = replace(config, lpips_weight=1.0, gram_weight=0.07, gram_features="vgg16", lpips_trunk="small.safetensors")
    goal = build_objective(both)
    assert asked == [("vgg", "small.safetensors")]
    calls = []
    hook = vgg.register_forward_hook(lambda *_: calls.append(1))
    loss, parts = goal(pictures(1, 1), pictures(1), 0)
    hook.remove()
    assert len(calls) == 2  # the clean picture and the restored one
    assert all(float(part) > 0 for part in parts.values())
    assert loss.isfinite()
    assert build_objective(replace(both, lpips_net="alex"))
    assert asked[1:] == [("alex", "small.safetensors"), ("vgg", "small.safetensors")]


def test_the_headline_objective_trains_from_embedded_and_small_files(config):
    goal = build_objective(replace(config, l1_weight=0.5, lpips_weight=1.0, lpips_net="alex"))
    restored = pictures(1, 1).requires_grad_()
    loss, parts = goal(restored, pictures(1), 0)
    loss.backward()
    assert list(parts) == ["l1", "lpips"]
    assert restored.grad is not None
    assert restored.grad.isfinite().all()
    assert restored.grad.abs().sum() > 0
