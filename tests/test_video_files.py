import hashlib
import struct
from fractions import Fraction

import numpy as np
import pytest

from enhancer.errors import SettingsError, VideoError
from enhancer.imaging.io import composite, to_bytes, to_pil
from enhancer.video import reading, writing
from enhancer.video.reading import Frame, open_clip
from enhancer.video.writing import H264, PRORES, Codec, clip_writer, codec_for

av = pytest.importorskip("av", reason="needs pip install -e '.[video]'")

TICKS = Fraction(1, 90000)
TIMES = (0, 3000, 4000, 9000, 11000)  # a variable rate
LOSSLESS = Codec("libx264", "yuv444p", {"crf": "0"}, alpha=False)


@pytest.fixture(scope="module")
def pictures(small_head):
    """A head that moves to the right, with its alpha."""
    return [np.roll(to_bytes(small_head.image), 2 * i, 1) for i in range(len(TIMES))]


def flat(picture):
    return to_bytes(composite(picture.astype(np.float32) / 255))


def frames(pictures):
    return [Frame(pts, picture) for pts, picture in zip(TIMES, pictures, strict=True)]


def write(path, frames, codec="by name", audio=None):
    codec = codec_for(path, frames[0].picture.shape[-1] == 4) if codec == "by name" else codec
    with clip_writer(path, frames[0].picture.shape[:2], TICKS, codec, audio) as put:
        for frame in frames:
            put(frame)
    return path


def raw(path, size=(64, 80), count=3, codec="libx264", pixels="yuv420p", **context):
    """A clip written by PyAV alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = size
        stream.pix_fmt = pixels
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for number in range(count):
            shade = np.full((*size, 3), 60 * number % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(shade, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def tone(tmp_path_factory):
    """A file with a second of sound."""
    path = tmp_path_factory.mktemp("tone") / "tone.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        stream.layout = "mono"
        for i in range(40):
            samples = np.sin(np.arange(i * 1024, (i + 1) * 1024) * 0.05).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.rate, frame.pts = 48000, i * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def sound(path):
    """Digest of the packets, as they are stored."""
    with av.open(str(path)) as container:
        return hashlib.md5(b"".join(bytes(packet) for packet in container.demux(audio=0) if packet.size)).hexdigest()


def times(path):
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


# --- there and back ------------------------------------------------------------------------------------------------


def test_colours_come_back_without_a_shift(pictures, tmp_path):
    given = [flat(picture) for picture in pictures]
    path = write(tmp_path / "a.mp4", frames(given), LOSSLESS)
    off = np.stack([frame.picture for frame in open_clip(path).frames()]).astype(int) - np.stack(given)
    assert abs(off.mean()) <= 0.3
    assert np.abs(off).mean() <= 0.5


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_time_stamps_are_equal_to_the_tick(pictures, tmp_path, name):
    path = write(tmp_path / name, frames([flat(picture) for picture in pictures]))
    assert times(path) == [pts * TICKS for pts in TIMES]
    clip = open_clip(path)
    assert [frame.pts * clip.time_base for frame in clip.frames()] == times(path)


def test_an_mp4_begins_with_its_index(pictures, tmp_path):
    content = write(tmp_path / "a.mp4", frames([flat(picture) for picture in pictures])).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_sound_is_copied_packet_by_packet(pictures, tmp_path, tone, name):
    path = write(tmp_path / name, frames([flat(picture) for picture in pictures]), H264, tone)
    assert sound(path) == sound(tone)
    assert open_clip(path).audio == path


def test_sound_is_copied_as_far_as_a_cut_clip_goes(pictures, tmp_path, tone):
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    for path, until in ((whole, None), (cut, Fraction(1, 4))):
        with clip_writer(path, pictures[0].shape[:2], TICKS, H264, tone, until) as put:
            for frame in frames(pictures):
                put(frame)
    packets = []
    for path in (cut, whole):
        with av.open(str(path)) as container:
            packets.append([bytes(packet) for packet in container.demux(audio=0) if packet.size])
    heard, every = packets
    assert heard == every[: len(heard)]
    assert len(heard) == pytest.approx(48000 / 1024 / 4, abs=2)


def test_times_are_known_without_decoding(pictures, tmp_path):
    path = write(tmp_path / "a.mp4", frames(pictures))
    clip = open_clip(path)
    assert [at * clip.time_base for at in clip.times()] == times(path)


def test_a_prores_master_keeps_alpha_and_colours(pictures, tmp_path):
    path = write(tmp_path / "a.mov", frames(pictures))
    back = [frame.picture for frame in open_clip(path).frames()]
    for given, read in zip(pictures, back, strict=True):
        assert np.abs(read[..., 3].astype(int) - given[..., 3]).max() <= 1
        opaque = given[..., 3] == 255
        assert np.abs(read[opaque].astype(int) - given[opaque]).mean() <= 0.5


def test_a_folder_of_frames_is_lossless(pictures, tmp_path):
    path = write(tmp_path / "frames", frames(pictures))
    clip = open_clip(path)
    assert clip.count == len(pictures)
    for given, frame in zip(pictures, clip.frames(), strict=True):
        np.testing.assert_array_equal(frame.picture[..., 3], given[..., 3])
        seen = given[..., 3] > 0
        np.testing.assert_array_equal(frame.picture[seen], given[seen])


@pytest.mark.parametrize("suffix", [".gif", ".apng"])
def test_animated_pictures_are_clips(pictures, tmp_path, suffix):
    first, *rest = [to_pil(flat(picture).astype(np.float32) / 255) for picture in pictures]
    path = tmp_path / f"a{suffix}"
    first.save(path, format={".gif": "GIF", ".apng": "PNG"}[suffix], save_all=True, append_images=rest, duration=40)
    clip = open_clip(path)
    back = [frame.picture[..., :3] for frame in clip.frames()]
    assert len(back) == len(pictures)
    assert np.abs(back[2].astype(int) - flat(pictures[2])).mean() < 6  # a GIF has 256 colours


def test_an_animated_png_keeps_its_alpha(pictures, tmp_path):
    first, *rest = [to_pil(picture.astype(np.float32) / 255) for picture in pictures]
    path = tmp_path / "a.apng"
    first.save(path, format="PNG", save_all=True, append_images=rest, duration=40)
    back = next(iter(open_clip(path).frames())).picture
    np.testing.assert_array_equal(back[..., 3], pictures[0][..., 3])


def test_an_odd_side_loses_one_pixel_in_an_mp4(pictures, tmp_path):
    path = write(tmp_path / "a.mp4", frames([flat(picture)[:-1, :-3] for picture in pictures]))
    height, width = pictures[0].shape[:2]
    assert open_clip(path).size == ((height - 1) // 2 * 2, (width - 3) // 2 * 2)


def test_a_turned_clip_comes_upright(tmp_path):
    path = tmp_path / "a.mp4"
    lying = np.zeros((64, 80, 3), np.uint8)
    lying[:20, :20] = 255  # top left
    write(path, [Frame(0, lying), Frame(3000, lying)])
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 40  # ISO/IEC 14496-12, 8.3.2: the track is to be turned clockwise by 90 degrees
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30)
    path.write_bytes(content)
    clip = open_clip(path)
    picture = next(iter(clip.frames())).picture
    assert clip.size == picture.shape[:2] == (80, 64)
    assert picture[:15, -15:].min() > 200  # top right
    assert picture[:15, :15].max() < 50


def test_fields_are_joined_and_no_frame_is_lost(tmp_path):
    path = tmp_path / "a.mp4"
    combed = [np.zeros((64, 80, 3), np.uint8) for _ in range(6)]
    for number, picture in enumerate(combed):  # a bar that moves between the fields, too
        picture[::2, 8 * number : 8 * number + 20] = picture[1::2, 8 * number + 4 : 8 * number + 24] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": "tff=1", "flags": "+ildct+ilme"})
        stream.height, stream.width, stream.pix_fmt = 64, 80, "yuv420p"
        for picture in combed:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    clip = open_clip(path)
    assert [note.code for note in clip.notes] == ["video.interlaced"]
    joined = [frame.picture.astype(int) for frame in clip.frames()]
    assert len(joined) == len(combed)

    def teeth(picture):
        return np.abs(picture[1:-1] - (picture[:-2] + picture[2:]) / 2).mean()

    assert teeth(joined[2]) < 0.2 * teeth(combed[2].astype(int))


# --- what cannot be used -------------------------------------------------------------------------------------------


def test_text_is_no_video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("hello")
    with pytest.raises(VideoError, match=r"a\.mp4 is no video that can be read here"):
        open_clip(path)


def test_sound_alone_is_no_video(tone):
    with pytest.raises(VideoError, match="is no video"):
        open_clip(tone)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(VideoError, match="There is no file"):
        open_clip(tmp_path / "a.mp4")


def test_an_empty_folder_is_no_clip(tmp_path):
    with pytest.raises(VideoError, match="holds no pictures"):
        open_clip(tmp_path)


def test_a_file_cut_off_in_the_middle_yields_what_is_whole(tmp_path):
    path = raw(tmp_path / "a.mkv", count=60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    read = list(open_clip(path).frames())
    assert 0 < len(read) < 60


def test_hdr_is_refused(tmp_path):
    path = raw(tmp_path / "a.mp4", color_trc=16, color_primaries=9, colorspace=9)
    with pytest.raises(VideoError, match=r"is HDR \(PQ\)"):
        open_clip(path)


@pytest.mark.parametrize(("size", "said"), [((32, 80), "80x32"), ((64, 4112), "4112x64")])
def test_a_size_out_of_range_is_refused(tmp_path, size, said):
    with pytest.raises(VideoError, match=f"is {said} pixels; each side must be 64 to 4096"):
        open_clip(raw(tmp_path / "a.mp4", size, count=1))


def test_frames_of_another_size_are_refused(tmp_path, pictures):
    path = write(tmp_path / "frames", frames(pictures))
    to_pil(pictures[0][:-8].astype(np.float32) / 255).save(path / "000009.png")
    with pytest.raises(VideoError, match="All frames must have one size"):
        list(open_clip(path).frames())


def test_an_output_of_another_kind_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"as PNG frames into a folder, got a\.wmv"):
        codec_for(tmp_path / "a.wmv", alpha=False)
    assert codec_for(tmp_path / "a.mov", alpha=True) is PRORES
    assert codec_for(tmp_path / "a", alpha=True) is None


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'splat-enhancer\[video\]'"):
        open_clip(tmp_path / "a.mp4")


def test_a_writer_that_is_interrupted_leaves_nothing(pictures, tmp_path):
    path = tmp_path / "a.mp4"

    def interrupted():
        with clip_writer(path, pictures[0].shape[:2], TICKS, H264) as put:
            put(Frame(0, pictures[0]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_sound_that_does_not_fit_is_refused(pictures, tmp_path, monkeypatch, tone):
    class Full:
        def add_stream_from_template(self, stream):
            raise ValueError("no")

    from contextlib import ExitStack

    with ExitStack() as stack, pytest.raises(VideoError, match=r"aac sound cannot be put into a \.mp4 file"):
        writing.Sound(stack, Full(), tone, ".mp4")
