"""Losses and the networks they look through: known values, and the numbers of the libraries they stand for."""

# Must precede torchvision, lpips and transformers.
import enhancer.torchvision_stub  # noqa: F401

# isort: split
import pytest
import torch

from enhancer.errors import UnavailableError
from enhancer.hub import publish
from enhancer.metrics.trunks import read_trunk
from tests.loss_networks import SIDE, clip_model, lpips_network, package_lpips, pictures, save_clip, vgg_state
from training.losses import networks
from training.losses.networks import TAPS, VGG19_TAPS, ClipSimilarity, Lpips, SqueezeFeatures, VggFeatures
from training.losses.terms import clip_distance, feature_distance, gradient_variance, gram_distance, l1, unit


def test_l1_of_pictures_a_tenth_apart_is_a_tenth():
    clean = pictures(2) * 0.5
    torch.testing.assert_close(l1(clean + 0.1, clean), torch.full((2,), 0.1))


def test_gram_of_constant_features_is_known():
    ours, theirs = torch.full((1, 4, 8, 8), 3.0), torch.ones(1, 4, 8, 8)
    # F F^T is 64 x 9 or 64 x 1 everywhere, divided by 4 x 64
    torch.testing.assert_close(gram_distance([ours], [theirs]), torch.tensor([(9 - 1) / 4]))


def test_gram_stays_in_float32_where_half_precision_overflows():
    ours, theirs = torch.full((1, 4, 8, 8), 300.0), torch.zeros(1, 4, 8, 8)
    for dtype in (torch.float16, torch.bfloat16):
        with torch.autocast("cpu", dtype):
            distance = gram_distance([ours.to(dtype)], [theirs.to(dtype)])
            exact = gram_distance([ours + 0.01], [theirs])  # bfloat16 would round 300.01 to 300
        assert (distance.dtype, float(distance)) == (torch.float32, 300**2 / 4)
        torch.testing.assert_close(exact, torch.tensor([300.01**2 / 4]))


def test_features_that_point_the_other_way_are_4_apart():
    features = torch.rand(1, 8, 4, 4) + 0.1
    torch.testing.assert_close(feature_distance([features], [-2 * features]), torch.tensor([4.0]))


def test_half_precision_features_do_not_overflow():
    features = torch.full((1, 8, 4, 4), 1000.0, dtype=torch.float16)
    assert feature_distance([features], [features]).tolist() == [0]


def test_unit_features_have_length_one_and_nothing_stays_nothing():
    lengths = unit(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).flatten().tolist()
    assert lengths == pytest.approx([0.6, 0.8])
    nothing = torch.zeros(1, 2, 1, 1, requires_grad=True)
    unit(nothing).sum().backward()
    assert unit(nothing).abs().sum() == 0
    assert torch.isfinite(nothing.grad).all()


def test_gradient_variance_of_one_bright_column_is_known():
    dark, bright = torch.full((1, 3, 10, 10), -1.0), torch.full((1, 3, 10, 10), -1.0)
    bright[..., 5] = 1.0
    # Across: columns of 4 and -4 beside the bright one, 0 elsewhere; variance of 8 x 8 with mean 0. Down: all 0.
    variance = (8 * 16 + 8 * 16) / 63
    torch.testing.assert_close(gradient_variance(bright, dark), torch.tensor([variance**2]))
    torch.testing.assert_close(gradient_variance(bright.transpose(2, 3), dark), torch.tensor([variance**2]))


def test_gradient_variance_grows_with_blur_but_not_with_brightness():
    clean = pictures(1) * 0.5
    blurred = torch.nn.functional.avg_pool2d(clean, 5, 1, 2, count_include_pad=False)
    assert gradient_variance(clean + 0.3, clean) < 1e-9 < gradient_variance(blurred, clean)


def test_clip_distance_is_0_along_the_prompt_1_across_and_2_against_it():
    prompt = torch.tensor([[1.0, 0.0]])
    images = torch.tensor([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])
    torch.testing.assert_close(clip_distance(images, prompt), torch.tensor([0.0, 1.0, 2.0]))


def test_clip_sees_what_transformers_preprocessing_shows_it():
    from transformers import CLIPImageProcessor

    levels = ((pictures(1) + 1) * 127.5).round().to(torch.uint8)
    prepare = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    prompt = torch.ones(1, 8)
    with torch.no_grad():
        pixels = prepare(images=levels[0].permute(1, 2, 0).numpy(), return_tensors="pt")["pixel_values"]
        expected = clip_distance(clip_model().get_image_features(pixels).pooler_output, prompt)
        picture = levels.float() / 127.5 - 1
        ours = ClipSimilarity(clip_model(), prompt)(picture, picture)
    torch.testing.assert_close(ours, expected, rtol=0.01, atol=1e-3)  # it rounds to 8 bits in between


def test_lpips_is_the_packages_number():
    restored, clean = pictures(2, 1), pictures(2)
    with torch.no_grad():
        expected = package_lpips("alex", read_trunk("alex"))(restored, clean).flatten()
    lpips = Lpips(lpips_network())
    torch.testing.assert_close(lpips.distance(lpips(restored), lpips(clean)), expected, rtol=1e-5, atol=0)


def test_vgg_taps_are_the_first_relus_of_four_blocks():
    seen = VggFeatures(vgg_state())(pictures(1))
    assert [(each.shape[1], SIDE // each.shape[2]) for each in seen] == [
        (64, 1),
        (128, 2),
        (256, 4),
        (512, 8),
    ]
    assert all((each >= 0).all() for each in seen)
    mean = torch.tensor(networks.IMAGENET_MEAN).view(1, 3, 1, 1).expand(1, 3, SIDE, SIDE)
    assert VggFeatures(vgg_state())(mean * 2 - 1)[0].abs().max() < 1e-5  # without bias, ImageNet's mean gives nothing


def test_vgg19_is_torchvisions():
    from torchvision.models import VGG19_Weights

    weights = VGG19_Weights.IMAGENET1K_V1
    assert (networks.VGG19.url, networks.VGG19.megabytes) == (weights.url, round(weights.meta["_file_size"]))
    with torch.device("meta"):
        from torchvision.models import vgg19

        layers = list(vgg19(weights=None).features)
    pools = [number for number, layer in enumerate(layers) if "Pool" in type(layer).__name__]
    assert (1, *(pool + 2 for pool in pools[:3])) == VGG19_TAPS


def test_squeezenet_has_seven_taps(squeeze):
    assert len(SqueezeFeatures(squeeze)(pictures(1))) == len(TAPS) == 7


def test_vgg19_is_read_from_torchs_own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub/checkpoints/vgg19-dcbb9e9d.pth"
    path.parent.mkdir(parents=True)
    torch.save(vgg_state() | {"classifier.0.weight": torch.zeros(1)}, path)
    before = torch.get_rng_state()
    loaded = VggFeatures.from_pretrained()
    assert torch.equal(torch.get_rng_state(), before)  # a new model's weights must not depend on its losses
    assert torch.equal(loaded.features[0].weight, vgg_state()["features.0.weight"])
    for broken in (b"no weights", b""):
        path.write_bytes(broken)
        with pytest.raises(UnavailableError, match="do not load"):
            VggFeatures.from_pretrained()


def test_clip_is_loaded_from_a_folder_and_its_prompt_encoded(tmp_path):
    save_clip(tmp_path)
    face, again, other = (ClipSimilarity.from_pretrained(prompt, str(tmp_path)) for prompt in ("a face", "a face", "a"))
    assert torch.equal(face.prompt, again.prompt)
    assert not torch.equal(face.prompt, other.prompt)
    assert face.prompt.shape == (1, 8)
    assert ClipSimilarity.from_pretrained("face " * 99, str(tmp_path)).prompt.shape == (1, 8)  # cut off
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UnavailableError, match="does not load"):
        ClipSimilarity.from_pretrained("a face", str(tmp_path))


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")  # the library's own
def test_clip_is_fetched_from_the_hub_by_its_name(hub, tmp_path):
    save_clip(tmp_path)
    torch.save(clip_model().state_dict(), tmp_path / "pytorch_model.bin")  # what OpenAI's repository has
    (tmp_path / "flax_model.msgpack").write_bytes(b"for another library")
    files = ["config.json", "vocab.json", "merges.txt", "pytorch_model.bin", "flax_model.msgpack"]
    publish(tmp_path, "tester/clip", files=files, message="CLIP")
    theirs = ClipSimilarity.from_pretrained("a face", "tester/clip")
    ours = ClipSimilarity.from_pretrained("a face", str(tmp_path))
    torch.testing.assert_close(theirs.prompt, ours.prompt)
    assert not [path for _, path, _ in hub.log() if "/resolve/" in path and "flax" in path]


def test_a_file_that_is_no_squeezenet_is_named(tmp_path):
    path = tmp_path / "other.pth"
    for write in (lambda: path.write_bytes(b"no weights"), lambda: torch.save(vgg_state(), path)):
        write()
        with pytest.raises(UnavailableError, match=r"other\.pth holds no SqueezeNet 1\.1"):
            SqueezeFeatures(path)


def test_loading_lpips_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    Lpips.from_pretrained("alex")
    assert torch.equal(torch.get_rng_state(), before)  # a new model's weights must not depend on its losses
