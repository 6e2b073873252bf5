"""The mask command, run as a person runs it."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from retouch.command import run
from retouch.command.masks import make
from retouch.errors import InvalidRequest
from retouch.pixels.inspect import inspect
from retouch.pixels.mask import read_mask
from tests.support.pictures import box, encoded, opened, photo, scene

ROOT = Path(__file__).parents[3]
RED = "#dc1e1e"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photo.png").write_bytes(photo(90, 60))
    return tmp_path


@pytest.fixture
def mask(folder, capsys):
    """Run `retouch mask`: (status, mask or None, what was said)."""

    def command(*arguments, mode="alpha"):
        out = folder / "mask.png"
        status = run(["mask", str(folder / "photo.png"), "--out", str(out), *arguments])
        printed = capsys.readouterr()
        against = inspect((folder / "photo.png").read_bytes())
        made = read_mask(out.read_bytes(), against, mode=mode) if out.exists() else None
        return status, made, printed.out + printed.err

    return command


def test_a_box_is_marked_where_it_was_put(mask):
    status, made, said = mask("--box", "10,20,30,15")
    assert status == 0
    assert made.edit.getbbox() == (10, 20, 40, 35)
    assert made.coverage == 450 / 5400
    assert "8.3% of 90x60 pixels" in said


def test_shapes_and_colours_add_up(mask):
    parts = [
        ("--box", "1,1,5,5"),
        ("--box", "70,1,5,5"),
        ("--circle", "45,30,4"),
        ("--ellipse", "20,40,9,4"),
        ("--polygon", "60,40 80,40 70,55"),
        ("--colour", f"{RED},3"),
    ]
    alone = [mask(*part)[1].edit for part in parts]
    together = mask(*(word for part in parts for word in part))[1].edit
    union = alone[0]
    for edit in alone[1:]:
        union = ImageChops.lighter(union, edit)
    assert together.tobytes() == union.tobytes()


def test_a_colour_alone_is_enough(mask):
    left, top, right, bottom = box(90, 60)
    assert mask("--colour", RED)[1].edit.getbbox() == (left, top, right + 1, bottom + 1)
    assert mask("--colour", RED, "--invert")[1].coverage == pytest.approx(8 / 9)
    grown = mask("--colour", RED, "--grow", "2")[1].edit
    assert grown.getbbox() == (left - 2, top - 2, right + 3, bottom + 3)


def test_fractions_feather_and_narrowing_are_understood(mask):
    assert mask("--fraction", "--box", "0.5,0,0.5,1")[1].edit.getbbox() == (45, 0, 90, 60)
    assert mask("--box", "10,10,40,40", "--grow", "-5")[1].edit.getbbox() == (15, 15, 45, 45)
    feathered = mask("--box", "10,10,40,40", "--feather", "6")[1]
    assert feathered.soft
    assert feathered.edit.getpixel((30, 30)) == 255
    assert 0 < feathered.edit.getpixel((10, 30)) < 80


def test_white_instead_of_transparent(mask, folder):
    assert mask("--box", "10,20,30,15", "--format", "white", mode="white")[1].coverage == 1 / 12
    assert opened((folder / "mask.png").read_bytes()).mode == "L"


def test_the_preview_shows_what_is_marked(mask, folder):
    preview = folder / "preview.png"
    assert mask("--box", "0,0,10,10", "--preview", str(preview))[0] == 0
    image = opened(preview.read_bytes())
    change = ImageChops.difference(image, scene(90, 60))
    assert change.getbbox() == (0, 0, 10, 10)
    red, green, _ = image.getpixel((5, 5))
    assert red > 100 + green


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--circle", "45,30,-2"), "'mask.shapes[0].r'"),
        (("--box", "900,0,5,5"), "marks nothing"),
        ((), "marks nothing"),
        (("--box", "0,0,5,5", "--feather", "-1"), "'mask.feather'"),
        (("--polygon", "1,1 2,2"), "'2 points'"),
        (("--box", "0,0,5,5", "--preview", "no/such/folder.png"), "No such file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, said, mask):
    status, _, text = mask(*arguments)
    assert status == 1
    assert said in text
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
def test_what_is_not_understood_is_refused(arguments, folder, capsys):
    with pytest.raises(SystemExit) as left:
        run(["mask", str(folder / "photo.png"), "--out", str(folder / "m.png"), *arguments])
    assert left.value.code == 2
    assert arguments[0] in capsys.readouterr().err
    assert not (folder / "m.png").exists()


def test_a_file_that_is_no_picture_is_refused(folder, capsys):
    (folder / "a.txt").write_text("hello")
    assert run(["mask", str(folder / "a.txt"), "--box", "0,0,1,1", "--out", str(folder / "m")]) == 1
    assert "PNG, JPEG and WebP" in capsys.readouterr().err


def test_the_function_behind_it_can_be_used_alone():
    picture = inspect(encoded(Image.new("RGB", (20, 10), "white")))
    made = make(picture, {"unit": "px"}, [((255, 255, 255), 0)])
    assert made.coverage == 1.0
    with pytest.raises(InvalidRequest, match=r"mask\.unit"):
        make(picture, {"unit": "em"}, [((255, 255, 255), 0)])


def test_python_finds_it_by_the_packages_name(folder):
    ran = subprocess.run(
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
    assert ran.stdout == "m.png: 0.2% of 90x60 pixels marked\n"
    assert opened((folder / "m.png").read_bytes()).mode == "RGBA"


@pytest.mark.parametrize(
    ("out", "preview", "said"),
    [
        ("photo.png", None, "--out {0} would overwrite the photo"),
        ("./x/../photo.png", None, "would overwrite the photo"),
        ("link.png", None, "would overwrite the photo"),
        ("m.png", "photo.png", "--preview {0} would overwrite the photo"),
        ("m.png", "m.png", "--preview {0} would overwrite the mask"),
    ],
)
def test_no_file_is_written_over_another(out, preview, said, folder, capsys):
    (folder / "x").mkdir()
    (folder / "link.png").symlink_to(folder / "photo.png")
    before = (folder / "photo.png").read_bytes()
    arguments = ["mask", str(folder / "photo.png"), "--box", "1,2,3,4", "--out", str(folder / out)]
    assert run([*arguments, *(["--preview", str(folder / preview)] if preview else [])]) == 1
    assert said.format(folder / (preview or out)) in capsys.readouterr().err
    assert (folder / "photo.png").read_bytes() == before
    assert not (folder / "m.png").exists()
