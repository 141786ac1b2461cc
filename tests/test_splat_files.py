"""Files of Gaussians: every format gives the same scene and not its mirror image, and what cannot be read is said why."""

import contextlib
import gzip

import numpy as np
import pytest

from enhancer.errors import SettingsError, SplatError
from enhancer.seeding import rng_for
from enhancer.splats.files import Conventions, flipped, read_splats, write_ply
from tests import splat_files as made
from tests.splat_files import columns_of, lopsided_cloud, ply_bytes

FORMATS = {
    "ply": lambda cloud: ply_bytes(columns_of(cloud)),
    "compressed.ply": made.compressed_ply_bytes,
    "splat": made.splat_bytes,
    "spz 2": lambda cloud: made.spz_bytes(cloud, 2),
    "spz 3": lambda cloud: made.spz_bytes(cloud, 3),
    "ksplat 0": lambda cloud: made.ksplat_bytes(cloud, 0),
    "ksplat 1": lambda cloud: made.ksplat_bytes(cloud, 1),
    "ksplat 2": lambda cloud: made.ksplat_bytes(cloud, 2),
}
LARGEST_DEGREE = {"splat": 0, "ksplat 0": 2, "ksplat 1": 2, "ksplat 2": 2}
CASES = [(name, degree) for name in FORMATS for degree in range(LARGEST_DEGREE.get(name, 3) + 1)]


@pytest.fixture
def read(tmp_path):
    """Reads bytes as a file; by default of a name that says nothing."""

    def from_bytes(data, name="upload", **options):
        (tmp_path / name).write_bytes(data)
        return read_splats(tmp_path / name, **options)

    return from_bytes


def refusal(read, data, **options):
    """The code and the sentence of an error, which is one that has German."""
    with pytest.raises(SplatError) as caught:
        read(data, **options)
    return caught.value.message.code, str(caught.value)


def codes(file):
    return [note.code for note in file.notes]


def assert_same(got, wanted, tolerance=1e-5):
    """The same scene, whatever the signs of quaternions; `tolerance` is that of the numbers as files store them."""
    np.testing.assert_allclose(got.means, wanted.means, atol=tolerance)
    np.testing.assert_allclose(got.opacities, wanted.opacities, atol=tolerance)
    np.testing.assert_allclose(np.log(got.scales), np.log(wanted.scales), atol=tolerance)
    np.testing.assert_allclose(made.matrices(got.rotations), made.matrices(wanted.rotations), atol=2 * tolerance)
    np.testing.assert_allclose(got.sh, wanted.sh, atol=tolerance)


# --- every format ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "degree"), CASES)
def test_a_format_is_told_by_its_content_and_gives_the_cloud(read, name, degree):
    cloud = lopsided_cloud(degree)
    file = read(FORMATS[name](cloud))
    assert file.format == name.split()[0]
    assert file.cloud.sh_degree == degree
    assert_same(file.cloud, cloud, 1e-5 if name == "ply" else 0.035)
    assert file.notes == ()


@pytest.mark.parametrize("name", FORMATS)
def test_left_stays_left(read, name):
    cloud = lopsided_cloud(LARGEST_DEGREE.get(name, 3))
    got = read(FORMATS[name](cloud)).cloud
    right = got.means[:, 0] > 0.1
    red, blue = got.colours[:, 0], got.colours[:, 2]
    assert (red > blue)[right].all()
    assert (red < blue)[got.means[:, 0] < -0.1].all()
    # the hand: three Gaussians span the same volume with the same sign
    assert np.sign(np.linalg.det(got.means[:3])) == np.sign(np.linalg.det(cloud.means[:3]))
    np.testing.assert_allclose(made.covariances(got), made.covariances(cloud), atol=1e-3)
    for direction in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, 3)):
        np.testing.assert_allclose(made.seen_from(got, direction), made.seen_from(cloud, direction), atol=0.08)


@pytest.mark.parametrize("name", FORMATS)
def test_arrays_are_finite_float32_and_unit_quaternions(read, name):
    cloud = read(FORMATS[name](lopsided_cloud())).cloud
    for array in (cloud.means, cloud.scales, cloud.rotations, cloud.opacities, cloud.sh):
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(cloud.rotations, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_cut_off_anywhere_is_refused(read, name):
    data = FORMATS[name](lopsided_cloud())
    ends = range(0, len(data) - 1, max(1, len(data) // 40))
    found = {refusal(read, data[:end])[0] for end in ends if name != "splat" or end % 32}
    assert found <= {"splats.no_bytes", "splats.unknown", "splats.truncated", "splats.damaged"}
    assert refusal(read, data[:-1])[0] in ("splats.truncated", "splats.damaged")


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_bytes_are_read_or_refused_but_never_crash(read, name):
    data = FORMATS[name](lopsided_cloud(count=20))
    rng = rng_for(0, "damage", name)
    for _ in range(60):
        broken = np.frombuffer(data, np.uint8).copy()
        # most hits go to the header, where they matter
        at = rng.integers(min(len(broken), 5200 if "ksplat" in name else 700), size=4)
        broken[at] = rng.integers(256, size=4)
        with contextlib.suppress(SplatError):
            read(broken.tobytes(), memory=10**8)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "splat"])
def test_too_many_gaussians_are_refused_by_the_header(read, name):
    code, sentence = refusal(read, FORMATS[name](lopsided_cloud()), memory=1000)
    assert code == "splats.memory"
    assert "0.0 million Gaussians" in sentence


def test_a_header_of_a_billion_gaussians_is_refused_though_the_file_is_short(read):
    data = ply_bytes(columns_of(lopsided_cloud()), count=10**12)
    assert refusal(read, data)[0] == "splats.memory"


@pytest.mark.parametrize("data", [b"", b"ply\nformat ascii 1.0\n", b"PK\x03\x04" + bytes(2000), b"{}", bytes(5000)])
def test_other_files_are_unknown(read, data):
    assert refusal(read, data)[0] in ("splats.unknown", "splats.no_bytes")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.ply", tmp_path):
        with pytest.raises(SplatError, match="cannot be opened") as caught:
            read_splats(path)
        assert path.name in str(caught.value)


def test_a_file_is_called_what_the_caller_calls_it(read):
    assert "head.ply holds no" in refusal(read, ply_bytes(columns_of(lopsided_cloud(count=0))), name="head.ply")[1]


# --- .ply --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", range(4))
def test_a_cloud_is_written_and_read_back(tmp_path, degree):
    cloud = lopsided_cloud(degree)
    write_ply(tmp_path / "new" / "head.ply", cloud)
    assert_same(read_splats(tmp_path / "new" / "head.ply").cloud, cloud)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["head.ply"]


def test_f_rest_is_all_of_red_then_green_then_blue(tmp_path):
    cloud = lopsided_cloud(1)
    write_ply(tmp_path / "head.ply", cloud)
    header, _, body = (tmp_path / "head.ply").read_bytes().partition(b"end_header\n")
    names = [line.split()[-1] for line in header.decode().splitlines() if line.startswith("property")]
    table = np.frombuffer(body, "<f4").reshape(len(cloud), -1)
    for channel in range(3):
        first = names.index(f"f_rest_{3 * channel}")
        np.testing.assert_array_equal(table[:, first : first + 3], cloud.sh[:, 1:, channel])


def test_where_nothing_can_be_written_an_error_says_so(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match="cannot be written"):
        write_ply(tmp_path / "file" / "head.ply", lopsided_cloud())


@pytest.mark.parametrize("order", ["<", ">", ""])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_both_byte_orders_and_text_are_read(read, order, degree):
    cloud = lopsided_cloud(degree)
    assert_same(read(ply_bytes(columns_of(cloud), order)).cloud, cloud)


def test_properties_may_stand_in_any_order(read):
    cloud = lopsided_cloud(2)
    columns = columns_of(cloud)
    names = rng_for(0, "order").permutation(list(columns))
    assert_same(read(ply_bytes({name: columns[name] for name in names})).cloud, cloud)


def test_normals_and_properties_nobody_asked_for_are_passed_over(read):
    cloud = lopsided_cloud(1)
    n = len(cloud)
    columns = columns_of(cloud) | {
        "nx": np.zeros(n),
        "red": np.full(n, 7),
        "green": np.full(n, 7),
        "blue": np.full(n, 7),
    }
    types = {"red": "u1", "green": "u1", "blue": "u1"}
    assert_same(read(ply_bytes(columns, types=types)).cloud, cloud)


def test_doubles_are_read(read):
    cloud = lopsided_cloud(1)
    columns = columns_of(cloud)
    assert_same(read(ply_bytes(columns, types=dict.fromkeys(columns, "f8"))).cloud, cloud)


@pytest.mark.parametrize("order", ["<", ">", ""])
def test_tables_before_and_behind_the_gaussians_are_passed_over(read, order):
    cloud = lopsided_cloud()
    lines = ["element view 2", "property float fov", "property list uchar int seen"]
    if order:
        rows = [(50, [1, 2, 3]), (60, [])]
        data = b"".join(
            np.array(fov, order + "f4").tobytes() + bytes([len(seen)]) + np.array(seen, order + "i4").tobytes()
            for fov, seen in rows
        )
    else:
        data = b"50 3 1 2 3\n60 0\n"
    columns = columns_of(cloud)
    assert_same(read(ply_bytes(columns, order, before=[(lines, data)])).cloud, cloud)
    assert_same(read(ply_bytes(columns, order, after=[(lines, data)])).cloud, cloud)


def test_the_filter_of_mip_splatting_is_applied(read):
    cloud = lopsided_cloud()
    width = np.full(len(cloud), 0.05)
    file = read(ply_bytes(columns_of(cloud) | {"filter_3D": width}))
    assert codes(file) == ["splats.filter"]
    np.testing.assert_allclose(file.cloud.scales, np.hypot(cloud.scales, 0.05), rtol=1e-5)
    # a Gaussian's mass stays
    mass, wanted = (each.opacities * each.scales.prod(axis=1) for each in (file.cloud, cloud))
    np.testing.assert_allclose(mass, wanted, rtol=1e-4)


def test_discs_get_a_thin_third_scale(read):
    cloud = lopsided_cloud()
    columns = columns_of(cloud)
    del columns["scale_2"]
    file = read(ply_bytes(columns))
    assert codes(file) == ["splats.flat"]
    np.testing.assert_allclose(file.cloud.scales[:, 2], 0.01 * cloud.scales[:, :2].min(axis=1), rtol=1e-5)


def test_quaternions_are_normalised_and_zero_is_no_turn(read):
    cloud = lopsided_cloud()
    columns = columns_of(cloud)
    for index in range(4):
        columns[f"rot_{index}"] = 3 * columns[f"rot_{index}"]
    assert_same(read(ply_bytes(columns)).cloud, cloud)
    columns |= {f"rot_{index}": np.zeros(len(cloud)) for index in range(4)}
    assert (read(ply_bytes(columns)).cloud.rotations == [1, 0, 0, 0]).all()


def test_quaternions_with_w_last_are_read_by_a_keyword(read):
    cloud = lopsided_cloud()
    columns = columns_of(cloud) | {f"rot_{index}": cloud.rotations[:, (index + 1) % 4] for index in range(4)}
    assert_same(read(ply_bytes(columns), conventions=Conventions(quaternions="xyzw")).cloud, cloud)


def test_scales_that_are_lengths_are_told_by_their_range(read):
    cloud = lopsided_cloud()
    columns = columns_of(cloud) | {f"scale_{index}": cloud.scales[:, index] for index in range(3)}
    file = read(ply_bytes(columns))
    assert codes(file) == ["splats.linear_scales"]
    assert_same(file.cloud, cloud)
    said = read(ply_bytes(columns), conventions=Conventions(scales="linear"))
    assert codes(said) == []
    assert_same(said.cloud, cloud)
    as_log = read(ply_bytes(columns), conventions=Conventions(scales="log"))
    np.testing.assert_allclose(as_log.cloud.scales, np.exp(cloud.scales), rtol=1e-5)


def test_logarithms_of_a_scene_in_millimetres_stay_logarithms(read):
    cloud = lopsided_cloud()
    columns = columns_of(cloud)
    for name in ("x", "y", "z"):
        columns[name] = 1000 * columns[name]
    for index in range(3):
        columns[f"scale_{index}"] = columns[f"scale_{index}"] + np.log(1000)
    file = read(ply_bytes(columns))
    assert codes(file) == []
    np.testing.assert_allclose(file.cloud.scales, 1000 * cloud.scales, rtol=1e-4)


def test_opacities_that_are_probabilities_are_told_by_their_range(read):
    cloud = lopsided_cloud()
    file = read(ply_bytes(columns_of(cloud) | {"opacity": cloud.opacities}))
    assert codes(file) == ["splats.linear_opacities"]
    assert_same(file.cloud, cloud)
    as_logits = read(
        ply_bytes(columns_of(cloud) | {"opacity": cloud.opacities}), conventions=Conventions(opacities="logit")
    )
    assert as_logits.cloud.opacities.min() > 0.5


@pytest.mark.parametrize("largest", [1, 255])
def test_colours_that_are_rgb_are_told_by_their_range(read, largest):
    cloud = lopsided_cloud()
    columns = columns_of(cloud) | {f"f_dc_{index}": largest * cloud.colours[:, index] for index in range(3)}
    file = read(ply_bytes(columns))
    assert codes(file) == ["splats.rgb"]
    assert f"between 0 and {largest}," in file.notes[0]
    assert_same(file.cloud, cloud)
    assert_same(read(ply_bytes(columns), conventions=Conventions(colours="rgb")).cloud, cloud)
    as_sh = read(ply_bytes(columns), conventions=Conventions(colours="sh"))
    np.testing.assert_allclose(as_sh.cloud.sh[:, 0], largest * cloud.colours, rtol=1e-4)


@pytest.mark.parametrize("kind", ["u1", "f4"])
def test_colours_under_the_names_of_a_point_cloud_are_read(read, kind):
    cloud = lopsided_cloud()
    columns = {name: values for name, values in columns_of(cloud).items() if not name.startswith("f_")}
    largest = 255 if kind == "u1" else 1
    columns |= dict(zip(("red", "green", "blue"), largest * cloud.colours.T, strict=True))
    file = read(ply_bytes(columns, types=dict.fromkeys(("red", "green", "blue"), kind)))
    np.testing.assert_allclose(file.cloud.colours, cloud.colours, atol=1 / 255)


def test_a_word_that_is_no_convention_is_refused():
    with pytest.raises(SplatError, match="quaternions must be one of wxyz, xyzw, got 'wzyx'"):
        Conventions(quaternions="wzyx")


def test_colours_that_depend_strongly_on_the_view_are_noted(read):
    cloud = lopsided_cloud(2)
    columns = columns_of(cloud)
    for index in range(24):
        columns[f"f_rest_{index}"] = 3 * columns[f"f_rest_{index}"]
    assert codes(read(ply_bytes(columns))) == ["splats.views"]


@pytest.mark.parametrize("name", ["x", "f_dc_1", "opacity", "rot_3"])
def test_numbers_that_are_none_are_counted_and_refused(read, name):
    columns = columns_of(lopsided_cloud())
    columns[name] = columns[name].copy()
    columns[name][[3, 5]] = np.nan, np.inf if name != "opacity" else np.nan
    code, sentence = refusal(read, ply_bytes(columns))
    assert code == "splats.not_finite"
    assert "2 Gaussians" in sentence


def test_sizes_beyond_all_numbers_are_refused_like_infinite_ones(read):
    columns = columns_of(lopsided_cloud()) | {"scale_0": np.full(300, 1000.0)}
    assert refusal(read, ply_bytes(columns))[0] == "splats.not_finite"


POINT = dict(zip("xyz", np.ones((3, 5)), strict=True))
TRIANGLES = (
    ["element face 1", "property list uchar int vertex_indices"],
    bytes([3]) + np.arange(3, dtype="<i4").tobytes(),
)


@pytest.mark.parametrize(
    ("extra", "code", "words"),
    [
        ({"f_anchor_feat_0": np.ones(5), "f_offset_0": np.ones(5)}, "splats.network", "Scaffold-GS"),
        ({"binding_0": np.ones(5)}, "splats.bound", "Export one posed frame"),
        ({"trbf_center": np.ones(5), "motion_0": np.ones(5)}, "splats.time", "Export one moment"),
        ({"t": np.ones(5), "scale_t": np.ones(5)}, "splats.time", "4D Gaussian Splatting"),
    ],
)
def test_what_the_file_alone_cannot_show_is_refused_with_what_to_export(read, extra, code, words):
    columns = columns_of(lopsided_cloud(count=5)) | extra
    found, sentence = refusal(read, ply_bytes(columns))
    assert found == code
    assert words in sentence
    assert next(iter(extra)) in sentence


def test_gaussians_with_only_a_distance_from_a_surface_are_bound(read):
    columns = columns_of(lopsided_cloud()) | {"x": np.zeros(300), "y": np.zeros(300)}
    assert refusal(read, ply_bytes(columns))[0] == "splats.bound"


def test_a_mesh_and_a_point_cloud_are_named(read):
    code, sentence = refusal(read, ply_bytes(POINT, after=[TRIANGLES]))
    assert code == "splats.mesh"
    assert "5 points, 1 faces" in sentence
    code, sentence = refusal(read, ply_bytes(POINT | {"red": np.ones(5)}))
    assert code == "splats.points"
    assert "point_cloud.ply" in sentence


def test_gaussians_that_lack_something_are_told_what(read):
    columns = columns_of(lopsided_cloud())
    del columns["rot_2"]
    code, sentence = refusal(read, ply_bytes(columns))
    assert code == "splats.incomplete"
    assert "lacks rot_2," in sentence


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"property float f_rest_4\n", b"", "not numbered from 0"),
        (b"property float rot_3\n", b"property float rot_3\nproperty float rot_3\n", "property float rot_3"),
        (b"property float rot_3\n", b"property list uchar float rot_3\n", "is a list"),
        (b"property float rot_3\n", b"property quad rot_3\n", "property quad rot_3"),
        (b"element vertex 300", b"element vertex many", "element vertex many"),
        (b"element vertex 300", b"element vertex -3", "fewer than 0 rows"),
        (b"format binary_little_endian 1.0\n", b"", "names no format"),
    ],
)
def test_a_header_that_contradicts_itself_is_damaged(read, old, new, problem):
    data = ply_bytes(columns_of(lopsided_cloud(1)))
    assert data.count(old) == 1
    code, sentence = refusal(read, data.replace(old, new))
    assert code == "splats.damaged"
    assert problem in sentence


def test_half_a_line_of_text_is_damage(read):
    data = ply_bytes(columns_of(lopsided_cloud()), "")
    assert "300" in refusal(read, data[: data[:-1].rindex(b"\n") + 1])[1]
    assert "cut off" in refusal(read, data[: data.rindex(b" ")])[1]


def test_a_list_of_less_than_nothing_is_damage(read):
    lines = ["element view 1", "property list int int seen"]
    data = ply_bytes(columns_of(lopsided_cloud()), before=[(lines, np.array(-8, "<i4").tobytes())])
    assert "a list of -8 items" in refusal(read, data)[1]


def test_windows_line_ends_are_read(read):
    cloud = lopsided_cloud()
    header, mark, body = ply_bytes(columns_of(cloud)).partition(b"end_header\n")
    assert_same(read(header.replace(b"\n", b"\r\n") + mark.replace(b"\n", b"\r\n") + body).cloud, cloud)


# --- the others --------------------------------------------------------------------------------------------------


def test_old_compressed_files_without_a_range_of_colours_are_read(read):
    cloud = lopsided_cloud()
    scaled = made.compressed_ply_bytes(cloud)
    plain = scaled
    for end in ("min", "max"):
        for channel in "rgb":
            plain = plain.replace(f"{end}_{channel}\n".encode(), f"old_{end}_{channel}\n".encode())
    got = read(plain).cloud
    assert abs(got.colours - cloud.colours).max() > 0.05  # as stored: relative to a range that is not applied
    assert 0 <= got.colours.min() <= got.colours.max() <= 1


def test_a_compressed_file_without_its_blocks_is_damaged(read):
    data = made.compressed_ply_bytes(lopsided_cloud())
    assert "tables" in refusal(read, data.replace(b"element chunk", b"element other"))[1]
    assert "tables" in refusal(read, data.replace(b"min_scale_x", b"mon_scale_x"))[1]
    assert "differ in length" in refusal(read, data.replace(b"element chunk 2", b"element chunk 1"))[1]


def test_a_splat_file_of_one_stray_byte_is_cut_off(read):
    data = made.splat_bytes(lopsided_cloud())
    assert refusal(read, data + b"x")[0] == "splats.truncated"
    assert refusal(read, data + b"x", name="head.splat")[0] == "splats.truncated"


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999])
def test_a_gzip_stream_that_is_cut_off_is_damage(read, share):
    data = made.spz_bytes(lopsided_cloud(3), 3)
    code, sentence = refusal(read, data[: int(len(data) * share) + 3])
    assert code in ("splats.damaged", "splats.unknown")
    assert "\n" not in sentence


def test_an_spz_shorter_than_its_header_says_is_cut_off(read):
    data = gzip.decompress(made.spz_bytes(lopsided_cloud()))
    assert refusal(read, gzip.compress(data[:-30]))[0] == "splats.truncated"


def test_an_spz_need_not_be_compressed(read):
    assert_same(read(made.spz_bytes(lopsided_cloud(1), zipped=False)).cloud, lopsided_cloud(1), 0.035)


@pytest.mark.parametrize("version", [1, 4])
def test_another_version_of_spz_is_refused_by_its_number(read, version):
    assert f"of version {version};" in refusal(read, made.spz_bytes(lopsided_cloud(), version, zipped=version < 4))[1]


def test_gzip_of_something_else_is_unknown(read):
    assert refusal(read, gzip.compress(b"a letter" * 100))[0] == "splats.unknown"


@pytest.mark.parametrize(
    ("number", "axes", "mirrored"),
    [(4, (1, -1, -1), False), (6, (1, 1, 1), False), (7, (-1, -1, 1), False), (8, (1, -1, 1), True)],
)
def test_an_spz_that_names_its_axes_is_read_by_them(read, number, axes, mirrored):
    cloud = lopsided_cloud(3)
    file = read(made.spz_bytes(cloud, 3, axes, extension=number))
    assert_same(file.cloud, cloud, 0.035)
    assert codes(file) == (["splats.left_handed"] if mirrored else [])


def test_an_spz_that_stands_upright_keeps_its_axes(read):
    cloud = lopsided_cloud(1)
    assert_same(read(made.spz_bytes(cloud, 3, (1, 1, 1), extension=12)).cloud, cloud, 0.035)
    assert_same(read(made.spz_bytes(cloud, 3, (-1, 1, 1), extension=11)).cloud, cloud, 0.035)


def test_harmonics_above_degree_3_are_left_out_with_a_note(read):
    cloud = lopsided_cloud(3)
    data = bytearray(made.spz_bytes(cloud, 3, zipped=False))
    data[12] = 4
    rest = np.frombuffer(data[-300 * 45 :], np.uint8).reshape(300, 45)
    padded = np.concatenate([rest, np.full((300, 27), 128, np.uint8)], axis=1)
    file = read(bytes(data[: -300 * 45]) + padded.tobytes())
    assert codes(file) == ["splats.degree"]
    assert_same(file.cloud, cloud, 0.035)


def test_a_ksplat_whose_buckets_are_nonsense_is_damaged(read):
    data = bytearray(made.ksplat_bytes(lopsided_cloud(), 1))
    data[4096 + 32 : 4096 + 36] = (0xFFFFFFFF).to_bytes(4, "little")  # full buckets
    assert "buckets" in refusal(read, bytes(data))[1]


# --- axes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signs", [(-1, 1, 1), (1, -1, 1), (1, 1, -1), (1, -1, -1), (-1, -1, -1)])
def test_a_flipped_cloud_looks_the_same_in_the_mirror(signs):
    cloud, sign = lopsided_cloud(3), np.array(signs)
    mirrored = flipped(cloud, signs)
    np.testing.assert_allclose(made.covariances(mirrored), sign[:, None] * made.covariances(cloud) * sign, atol=1e-6)
    for direction in ((1, 0, 0), (0.3, -0.5, 0.8)):
        seen = made.seen_from(mirrored, sign * direction)
        np.testing.assert_allclose(seen, made.seen_from(cloud, direction), atol=1e-5)
    assert_same(flipped(mirrored, signs), cloud)


def test_a_left_handed_file_is_turned_round_by_a_keyword(read):
    cloud = lopsided_cloud(3)
    file = read(ply_bytes(columns_of(flipped(cloud, (-1, 1, 1)))), conventions=Conventions(left_handed=True))
    assert codes(file) == ["splats.left_handed"]
    assert_same(file.cloud, cloud)
