"""The patch discriminator: what it sees, whom its losses teach, and that it goes on exactly where it was."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor

from training.adversary import Adversary

WIDTH = 8


def pictures(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def step(adversary: Adversary, optimizer: torch.optim.Optimizer, seed: int) -> None:
    """One step of the discriminator, after it was looked at for a generator's."""
    adversary.generator_loss(pictures(2, seed)).mean()
    optimizer.zero_grad()
    adversary.discriminator_loss(pictures(2, seed), pictures(2, seed + 100)).mean().backward()
    optimizer.step()


def same(ours: Adversary, theirs: Adversary) -> bool:
    states = ours.state_dict(), theirs.state_dict()
    return all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


def test_it_has_the_size_and_the_patches_of_patchgan():
    adversary = Adversary()
    assert sum(parameter.numel() for parameter in adversary.parameters()) == 2_764_737
    assert adversary(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)


def test_a_patch_is_70_pixels():
    adversary = Adversary(width=2).eval()
    picture = pictures(1).repeat(1, 1, 4, 4)[..., :224, :224].requires_grad_()
    logits = adversary(picture)
    logits[0, 0, 13, 13].backward()
    touched = picture.grad.abs().sum((0, 1)) > 0
    assert touched.any(0).sum() == touched.any(1).sum() == 70


def test_the_same_seed_gives_the_same_weights_and_nobody_elses_chance_is_used():
    before = torch.get_rng_state()
    first, again, other = Adversary(3, WIDTH), Adversary(3, WIDTH), Adversary(4, WIDTH)
    assert torch.equal(torch.get_rng_state(), before)
    assert same(first, again)
    assert not same(first, other)


def test_both_losses_are_one_number_per_image_and_images_never_mix():
    adversary = Adversary(0, WIDTH).eval()
    restored, clean = pictures(2), pictures(2, 1)
    generator, discriminator = (
        adversary.generator_loss(restored),
        adversary.discriminator_loss(restored, clean),
    )
    assert generator.shape == discriminator.shape == (2,)
    for k in range(2):
        alone = adversary.discriminator_loss(restored[k : k + 1], clean[k : k + 1])
        torch.testing.assert_close(alone, discriminator[k : k + 1])
        torch.testing.assert_close(adversary.generator_loss(restored[k : k + 1]), generator[k : k + 1])


def test_hinge_losses_have_their_known_values(monkeypatch):
    adversary = Adversary(0, WIDTH)
    logits = {1.0: 3.0, -1.0: -0.5, 0.0: 0.0}  # by the picture's value
    monkeypatch.setattr(
        Adversary,
        "forward",
        lambda _, x: torch.stack([torch.full((1, 2, 2), logits[each[0, 0, 0].item()]) for each in x]),
    )
    photograph, fake, unsure = (torch.full((1, 3, 8, 8), value) for value in (1.0, -1.0, 0.0))
    assert adversary.discriminator_loss(fake, photograph).tolist() == [0.5]  # relu(1 - 0.5) + relu(1 - 3)
    assert adversary.discriminator_loss(unsure, unsure).tolist() == [2.0]
    assert adversary.generator_loss(photograph).tolist() == [-3.0]


def test_the_generators_loss_teaches_the_picture_alone_and_changes_nothing():
    adversary, untouched = Adversary(0, WIDTH), Adversary(0, WIDTH)
    restored = pictures(2).requires_grad_()
    adversary.generator_loss(restored).mean().backward()
    assert restored.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in adversary.parameters())
    assert same(adversary, untouched)
    assert adversary.training
    assert all(parameter.requires_grad for parameter in adversary.parameters())


def test_the_discriminators_loss_teaches_the_discriminator_alone():
    adversary = Adversary(0, WIDTH)
    restored, clean = pictures(2).requires_grad_(), pictures(2, 1).requires_grad_()
    adversary.discriminator_loss(restored, clean).mean().backward()
    assert restored.grad is None
    assert clean.grad is None
    # not the biases: what real and restored patches pull at the last one cancels out
    assert all(weight.grad.abs().sum() > 0 for weight in adversary.parameters() if weight.ndim > 1)


def test_a_looks_failure_leaves_it_ready_to_train():
    adversary = Adversary(0, WIDTH)
    with pytest.raises(RuntimeError):
        adversary.generator_loss(torch.zeros(1, 4, 64, 64))
    assert adversary.training
    assert all(parameter.requires_grad for parameter in adversary.parameters())


def test_it_learns_to_tell_noise_from_a_ramp():
    adversary = Adversary(0, WIDTH)
    optimizer = torch.optim.AdamW(adversary.parameters(), lr=1e-2, betas=(0.5, 0.9))
    clean = torch.linspace(-1, 1, 64).expand(2, 3, 64, 64)
    losses = []
    for seed in range(20):
        optimizer.zero_grad()
        loss = adversary.discriminator_loss(pictures(2, seed), clean).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5  # 2 for one who does not know
    assert adversary.generator_loss(pictures(2, 99)).mean() > adversary.generator_loss(clean).mean()


def test_a_stopped_run_goes_on_to_the_bit():
    def start() -> tuple[Adversary, torch.optim.Optimizer]:
        adversary = Adversary(0, WIDTH)
        return adversary, torch.optim.AdamW(adversary.parameters(), lr=1e-3)

    whole, optimizer = start()
    for number in (0, 1):
        step(whole, optimizer, number)
    saved = deepcopy((whole.state_dict(), optimizer.state_dict()))
    for number in (2, 3):
        step(whole, optimizer, number)
    resumed, optimizer = start()
    resumed.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    for number in (2, 3):
        step(resumed, optimizer, number)
    assert same(resumed, whole)


def test_half_of_a_batch_on_each_of_two_processes_teaches_the_same():
    whole, halves = Adversary(0, WIDTH), [Adversary(0, WIDTH) for _ in range(2)]
    restored, clean = pictures(4), pictures(4, 1)
    whole.discriminator_loss(restored, clean).mean().backward()
    for k, half in enumerate(halves):
        own = slice(2 * k, 2 * k + 2)
        half.discriminator_loss(restored[own], clean[own]).mean().backward()
    assert same(halves[0], halves[1])  # the power iteration depends on the weights alone
    assert same(halves[0], whole)
    for one, two, both in zip(
        halves[0].parameters(), halves[1].parameters(), whole.parameters(), strict=True
    ):
        torch.testing.assert_close((one.grad + two.grad) / 2, both.grad, rtol=1e-4, atol=1e-6)


def test_autocast_changes_nothing():
    adversary = Adversary(0, WIDTH).eval()
    with torch.autocast("cpu", torch.bfloat16):
        inside = adversary(pictures(1))
    assert torch.equal(inside, adversary(pictures(1)))
