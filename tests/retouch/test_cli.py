"""Tests of the `retouch mask` command, run with its command-line arguments."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from retouch.cli import main, make_mask
from retouch.core.errors import InvalidRequest
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.read import read_mask
from tests.support.images import (
    center_box,
    channel_values,
    decode_image,
    encode_image,
    photo,
    scene,
)

ROOT = Path(__file__).parents[2]
RED = "#dc1e1e"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photo.png").write_bytes(photo(90, 60))
    return tmp_path


@pytest.fixture
def run_mask_command(folder, capsys):
    """Run `retouch mask` and return (exit status, Mask or None, printed text)."""

    def run_command(*arguments, mode="alpha"):
        out = folder / "mask.png"
        status = main(["mask", str(folder / "photo.png"), "--out", str(out), *arguments])
        printed = capsys.readouterr()
        image = inspect_image((folder / "photo.png").read_bytes())
        result = read_mask(out.read_bytes(), image, mode=mode) if out.exists() else None
        return status, result, printed.out + printed.err

    return run_command


def test_box_option_marks_its_rectangle_and_prints_coverage(run_mask_command):
    status, result, output = run_mask_command("--box", "10,20,30,15")
    assert status == 0
    assert result.pixels.getbbox() == (10, 20, 40, 35)
    assert result.coverage == 450 / 5400
    assert "8.3% of 90x60 pixels" in output


def test_shape_and_colour_options_together_mark_their_union(run_mask_command):
    parts = [
        ("--box", "1,1,5,5"),
        ("--box", "70,1,5,5"),
        ("--circle", "45,30,4"),
        ("--ellipse", "20,40,9,4"),
        ("--polygon", "60,40 80,40 70,55"),
        ("--colour", f"{RED},3"),
    ]
    alone = [run_mask_command(*part)[1].pixels for part in parts]
    together = run_mask_command(*(word for part in parts for word in part))[1].pixels
    union = alone[0]
    for edit in alone[1:]:
        union = ImageChops.lighter(union, edit)
    assert together.tobytes() == union.tobytes()


def test_colour_option_without_shapes_marks_matching_pixels(run_mask_command):
    left, top, right, bottom = center_box(90, 60)
    assert run_mask_command("--colour", RED)[1].pixels.getbbox() == (
        left,
        top,
        right + 1,
        bottom + 1,
    )
    assert run_mask_command("--colour", RED, "--invert")[1].coverage == pytest.approx(8 / 9)
    grown = run_mask_command("--colour", RED, "--grow", "2")[1].pixels
    assert grown.getbbox() == (left - 2, top - 2, right + 3, bottom + 3)


def test_fraction_grow_and_feather_options_change_the_mask(run_mask_command):
    assert run_mask_command("--fraction", "--box", "0.5,0,0.5,1")[1].pixels.getbbox() == (
        45,
        0,
        90,
        60,
    )
    assert run_mask_command("--box", "10,10,40,40", "--grow", "-5")[1].pixels.getbbox() == (
        15,
        15,
        45,
        45,
    )
    feathered = run_mask_command("--box", "10,10,40,40", "--feather", "6")[1]
    assert feathered.has_soft_edges
    assert feathered.pixels.getpixel((30, 30)) == 255
    assert 0 < feathered.pixels.getpixel((10, 30)) < 80


def test_white_format_writes_greyscale_mask(run_mask_command, folder):
    assert (
        run_mask_command("--box", "10,20,30,15", "--format", "white", mode="white")[1].coverage
        == 1 / 12
    )
    assert decode_image((folder / "mask.png").read_bytes()).mode == "L"


def test_preview_option_tints_only_marked_pixels(run_mask_command, folder):
    preview = folder / "preview.png"
    assert run_mask_command("--box", "0,0,10,10", "--preview", str(preview))[0] == 0
    image = decode_image(preview.read_bytes())
    change = ImageChops.difference(image, scene(90, 60))
    assert change.getbbox() == (0, 0, 10, 10)
    red, green, _ = channel_values(image, (5, 5))
    assert red > 100 + green


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--circle", "45,30,-2"), "'mask.shapes[0].r'"),
        (("--box", "900,0,5,5"), "marks nothing"),
        ((), "marks nothing"),
        (("--box", "0,0,5,5", "--feather", "-1"), "'mask.feather'"),
        (("--polygon", "1,1 2,2"), "'2 points'"),
        (
            ("--box", "0,0,5,5", "--preview", "no/such/folder.png"),
            "no/such/folder.png: No such file",
        ),
    ],
)
def test_invalid_mask_prints_one_line_error_and_returns_1(arguments, message, run_mask_command):
    status, _, text = run_mask_command(*arguments)
    assert status == 1
    assert message in text
    assert text.startswith("retouch mask: ")
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--circle", "45,30"),
        ("--circle", "45,30,a"),
        ("--polygon", "1,1 2,b 3,3"),
        ("--colour", "red"),
        ("--colour", "#ff00zz"),
        ("--colour", "#ff0000,x"),
        ("--format", "green"),
    ],
)
def test_malformed_argument_exits_with_status_2_and_writes_no_file(arguments, folder, capsys):
    with pytest.raises(SystemExit) as exc_info:
        main(["mask", str(folder / "photo.png"), "--out", str(folder / "m.png"), *arguments])
    assert exc_info.value.code == 2
    assert arguments[0] in capsys.readouterr().err
    assert not (folder / "m.png").exists()


def test_non_image_input_returns_1_and_names_accepted_formats(folder, capsys):
    (folder / "a.txt").write_text("hello")
    assert (
        main(["mask", str(folder / "a.txt"), "--box", "0,0,1,1", "--out", str(folder / "m")]) == 1
    )
    assert "PNG, JPEG, WebP, HEIC, AVIF, GIF, TIFF and BMP" in capsys.readouterr().err


def test_make_function_without_command_line_builds_mask():
    image = inspect_image(encode_image(Image.new("RGB", (20, 10), "white")))
    result = make_mask(image, {"unit": "px"}, [((255, 255, 255), 0)])
    assert result.coverage == 1.0
    with pytest.raises(InvalidRequest, match=r"mask\.unit"):
        make_mask(image, {"unit": "em"}, [((255, 255, 255), 0)])


def test_python_dash_m_retouch_runs_mask_command(folder):
    result = subprocess.run(
        [
            sys.executable,
            *("-m", "retouch", "mask", "photo.png", "--box", "1,2,3,4", "--out", "m.png"),
        ],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "layers/retouch"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "m.png: 0.2% of 90x60 pixels marked\n"
    assert decode_image((folder / "m.png").read_bytes()).mode == "RGBA"


@pytest.mark.parametrize(
    ("out", "preview", "message"),
    [
        ("photo.png", None, "--out {0} would overwrite the photo"),
        ("./x/../photo.png", None, "would overwrite the photo"),
        ("link.png", None, "would overwrite the photo"),
        ("m.png", "photo.png", "--preview {0} would overwrite the photo"),
        ("m.png", "m.png", "--preview {0} would overwrite the mask"),
    ],
)
def test_output_path_equal_to_another_file_is_rejected_before_writing(
    out, preview, message, folder, capsys
):
    (folder / "x").mkdir()
    (folder / "link.png").symlink_to(folder / "photo.png")
    before = (folder / "photo.png").read_bytes()
    arguments = ["mask", str(folder / "photo.png"), "--box", "1,2,3,4", "--out", str(folder / out)]
    assert main([*arguments, *(["--preview", str(folder / preview)] if preview else [])]) == 1
    assert message.format(folder / (preview or out)) in capsys.readouterr().err
    assert (folder / "photo.png").read_bytes() == before
    assert not (folder / "m.png").exists()
