"""The discriminators: what they see, whom their losses teach, and that they go on exactly where they were."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor

from tests.loss_networks import lpips_network
from training.losses.discriminator import FEATURES, Discriminator, FeatureDiscriminator, PatchDiscriminator

WIDTH = 8


def pictures(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def features(count: int, seed: int = 0) -> list[Tensor]:
    """AlexNet's features, as random as the pictures."""
    draw = torch.Generator().manual_seed(seed)
    sides = (15, 7, 3, 3)
    return [
        torch.rand(count, channels, side, side, generator=draw)
        for (channels, _), side in zip(FEATURES["alex"], sides, strict=True)
    ]


def seen(kind: str, count: int, seed: int = 0) -> list[Tensor]:
    """What a discriminator of that kind is shown of `count` pictures."""
    return [pictures(count, seed)] if kind == "patch" else features(count, seed)


def made(kind: str, seed: int = 0) -> Discriminator:
    return PatchDiscriminator(seed, WIDTH) if kind == "patch" else FeatureDiscriminator("alex", seed, WIDTH)


both_kinds = pytest.mark.parametrize("kind", ["patch", "lpips"])


def step(kind: str, discriminator: Discriminator, optimizer: torch.optim.Optimizer, seed: int) -> None:
    """One step of the discriminator, after it was looked at for a generator's."""
    discriminator.generator_loss(seen(kind, 2, seed)).mean()
    optimizer.zero_grad()
    discriminator.discriminator_loss(seen(kind, 2, seed), seen(kind, 2, seed + 100)).mean().backward()
    optimizer.step()


def same(ours: Discriminator, theirs: Discriminator) -> bool:
    states = ours.state_dict(), theirs.state_dict()
    return all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


def test_it_has_the_size_and_the_patches_of_patchgan():
    discriminator = PatchDiscriminator()
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 2_764_737
    assert discriminator.maps([torch.zeros(1, 3, 256, 256)])[0].shape == (1, 1, 30, 30)


def test_a_patch_is_70_pixels():
    discriminator = PatchDiscriminator(width=2).eval()
    picture = pictures(1).repeat(1, 1, 4, 4)[..., :224, :224].requires_grad_()
    (logits,) = discriminator.maps([picture])
    logits[0, 0, 13, 13].backward()
    touched = picture.grad.abs().sum((0, 1)) > 0
    assert touched.any(0).sum() == touched.any(1).sum() == 70


def test_a_head_looks_at_each_of_the_first_four_feature_maps():
    discriminator = FeatureDiscriminator("alex")
    maps = discriminator.maps(lpips_network()(torch.zeros(2, 3, 256, 256)))
    assert [tuple(logits.shape) for logits in maps] == [
        (2, 1, 32, 32),
        (2, 1, 16, 16),
        (2, 1, 8, 8),
        (2, 1, 8, 8),
    ]
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 754_180


@both_kinds
def test_the_same_seed_gives_the_same_weights_and_nobody_elses_chance_is_used(kind):
    before = torch.get_rng_state()
    first, again, other = made(kind, 3), made(kind, 3), made(kind, 4)
    assert torch.equal(torch.get_rng_state(), before)
    assert same(first, again)
    assert not same(first, other)


@both_kinds
def test_both_losses_are_one_number_per_image_and_images_never_mix(kind):
    discriminator = made(kind).eval()
    restored, clean = seen(kind, 2), seen(kind, 2, 1)
    generator = discriminator.generator_loss(restored)
    hinge = discriminator.discriminator_loss(restored, clean)
    assert generator.shape == hinge.shape == (2,)
    for k in range(2):
        ours, theirs = ([each[k : k + 1] for each in some] for some in (restored, clean))
        torch.testing.assert_close(discriminator.discriminator_loss(ours, theirs), hinge[k : k + 1])
        torch.testing.assert_close(discriminator.generator_loss(ours), generator[k : k + 1])


def test_hinge_losses_have_their_known_values(monkeypatch):
    discriminator = Discriminator()
    logits = {1.0: 3.0, -1.0: -0.5, 0.0: 0.0}  # by the picture's value
    monkeypatch.setattr(
        Discriminator,
        "maps",
        lambda _, seen: [torch.stack([torch.full((1, 2, 2), logits[x[0, 0, 0].item()]) for x in seen[0]])] * 2,
    )
    photograph, fake, unsure = ([torch.full((1, 3, 8, 8), value)] for value in (1.0, -1.0, 0.0))
    assert discriminator.discriminator_loss(fake, photograph).tolist() == [0.5]  # relu(1 - 0.5) + relu(1 - 3)
    assert discriminator.discriminator_loss(unsure, unsure).tolist() == [2.0]
    assert discriminator.generator_loss(photograph).tolist() == [-3.0]


@both_kinds
def test_the_generators_loss_teaches_the_picture_alone_and_changes_nothing(kind):
    discriminator, untouched = made(kind), made(kind)
    restored = [each.requires_grad_() for each in seen(kind, 2)]
    discriminator.generator_loss(restored).mean().backward()
    assert all(each.grad.abs().sum() > 0 for each in restored)
    assert all(parameter.grad is None for parameter in discriminator.parameters())
    assert same(discriminator, untouched)
    assert discriminator.training
    assert all(parameter.requires_grad for parameter in discriminator.parameters())


@both_kinds
def test_the_discriminators_loss_teaches_the_discriminator_alone(kind):
    discriminator = made(kind)
    restored, clean = ([each.requires_grad_() for each in seen(kind, 2, seed)] for seed in (0, 1))
    discriminator.discriminator_loss(restored, clean).mean().backward()
    assert all(each.grad is None for each in (*restored, *clean))
    # not the biases: what real and restored patches pull at the last one cancels out
    assert all(weight.grad.abs().sum() > 0 for weight in discriminator.parameters() if weight.ndim > 1)


def test_a_looks_failure_leaves_it_ready_to_train():
    discriminator = PatchDiscriminator(0, WIDTH)
    with pytest.raises(RuntimeError):
        discriminator.generator_loss([torch.zeros(1, 4, 64, 64)])
    assert discriminator.training
    assert all(parameter.requires_grad for parameter in discriminator.parameters())


def test_it_learns_to_tell_noise_from_a_ramp():
    network = lpips_network()
    clean = torch.linspace(-1, 1, 64).expand(2, 3, 64, 64)
    for discriminator, look in (
        (PatchDiscriminator(0, WIDTH), lambda x: [x]),
        (FeatureDiscriminator("alex", 0, WIDTH), network),
    ):
        optimizer = torch.optim.AdamW(discriminator.parameters(), lr=1e-2, betas=(0.5, 0.9))
        losses = []
        for seed in range(20):
            optimizer.zero_grad()
            loss = discriminator.discriminator_loss(look(pictures(2, seed)), look(clean)).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.5  # 2 for one who does not know
        noise, ramp = (discriminator.generator_loss(look(each)).mean() for each in (pictures(2, 99), clean))
        assert noise > ramp


@both_kinds
def test_a_stopped_run_goes_on_to_the_bit(kind):
    def start() -> tuple[Discriminator, torch.optim.Optimizer]:
        discriminator = made(kind)
        return discriminator, torch.optim.AdamW(discriminator.parameters(), lr=1e-3)

    whole, optimizer = start()
    for number in (0, 1):
        step(kind, whole, optimizer, number)
    saved = deepcopy((whole.state_dict(), optimizer.state_dict()))
    for number in (2, 3):
        step(kind, whole, optimizer, number)
    resumed, optimizer = start()
    resumed.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    for number in (2, 3):
        step(kind, resumed, optimizer, number)
    assert same(resumed, whole)


@both_kinds
def test_half_of_a_batch_on_each_of_two_processes_teaches_the_same(kind):
    whole, halves = made(kind), [made(kind) for _ in range(2)]
    restored, clean = seen(kind, 4), seen(kind, 4, 1)
    whole.discriminator_loss(restored, clean).mean().backward()
    for k, half in enumerate(halves):
        own = slice(2 * k, 2 * k + 2)
        half.discriminator_loss([each[own] for each in restored], [each[own] for each in clean]).mean().backward()
    assert same(halves[0], halves[1])  # the power iteration depends on the weights alone
    assert same(halves[0], whole)
    for one, two, both in zip(*(each.parameters() for each in (*halves, whole)), strict=True):
        torch.testing.assert_close((one.grad + two.grad) / 2, both.grad, rtol=1e-4, atol=1e-6)


def test_autocast_leaves_patches_and_spectral_norms_in_float32():
    patch, heads = PatchDiscriminator(0, WIDTH).eval(), FeatureDiscriminator("alex", 0, WIDTH)
    outside = patch.maps([pictures(1)])[0]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(patch.maps([pictures(1)])[0], outside)
        assert heads.maps(features(1))[0].dtype == torch.bfloat16
        heads.discriminator_loss(features(1), features(1, 1))
    plain = FeatureDiscriminator("alex", 0, WIDTH)
    for _ in range(2):
        plain.maps(features(2))
    assert same(heads, plain)
