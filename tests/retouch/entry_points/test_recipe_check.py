"""Tests of the `retouch recipe check` command, run with its command-line arguments."""

import json

import pytest

from devserver.inbox_watcher import prepare_inbox
from retouch.cli import main
from tests.support.images import photo


@pytest.fixture
def check(tmp_path, capsys):
    """Write a recipe, run the command, and return (exit status, standard output, standard error)."""

    def run(*arguments, name="white.json", **recipe):
        file = tmp_path / name
        file.write_text(json.dumps(recipe))
        status = main(["recipe", "check", str(file), *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_recipe_says_what_it_does_and_costs_without_a_key(check):
    edit = {"model": "openai/gpt-image-2", "prompt": "white background", "size": "1024x1024"}
    status, out, _ = check(edit=edit)
    assert status == 0
    assert "inbox/white/photo.png becomes outbox/white/photo.png" in out
    assert "model: openai/gpt-image-2, images: 1, size: 1024x1024" in out
    assert "prompt: white background" in out
    assert "cost of one photo: $0.0" in out
    assert "the same file again: no purchase" in out


def test_photo_gives_its_name_and_its_size(check, tmp_path):
    (tmp_path / "shoe.jpg").write_bytes(photo(640, 480))
    recipe = {"edit": {"model": "local/erase", "output_format": "webp"}, "mask": "sibling"}
    status, out, _ = check("--photo", tmp_path / "shoe.jpg", **recipe)
    assert status == 0
    assert "inbox/white/shoe.jpg becomes outbox/white/shoe.webp" in out
    assert "size: 640x480" in out
    assert "mask: waits for it" in out
    assert "cost of one photo: $0" in out


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"edit": {"model": "nobody/nothing", "prompt": "p"}}, "model_not_found"),
        ({"edit": {"model": "openai/gpt-image-2"}}, "prompt"),
        ({"edit": {"model": "local/erase"}}, "mask_required"),
        ({"edit": {"prompt": "p"}, "mask": "brother"}, "'mask' is 'brother'"),
        ({"prompt": "p"}, "'prompt' is not a field of a recipe"),
    ],
)
def test_recipe_that_cannot_work_is_refused_with_the_reason(check, recipe, words):
    status, out, err = check(**recipe)
    assert (status, out) == (1, "")
    assert words in err
    assert len(err.splitlines()) == 1


def test_file_whose_name_is_no_recipe_is_refused(check):
    status, _, err = check(name="my recipe.json", edit={"prompt": "p"})
    assert status == 1
    assert "Rename the file" in err


def test_size_that_the_provider_chooses_is_said_in_words(check):
    _, out, _ = check(edit={"model": "openai/gpt-image-2", "prompt": "white background"})
    assert "size: chosen by the provider" in out


@pytest.mark.parametrize("missing", ["recipe", "photo"])
def test_missing_file_is_named_once_in_plain_words(tmp_path, capsys, missing):
    (tmp_path / "white.json").write_text('{"edit": {"prompt": "p"}}')
    file, photo_file = tmp_path / "white.json", tmp_path / "none.png"
    if missing == "recipe":
        file = photo_file = tmp_path / "none.json"
    assert main(["recipe", "check", str(file), "--photo", str(photo_file)]) == 1
    error = capsys.readouterr().err
    assert error == f"retouch recipe check: {photo_file}: No such file or directory\n"


def test_first_recipes_of_make_run_pass_the_check(tmp_path, capsys):
    prepare_inbox(tmp_path)
    for file in (tmp_path / "recipes").iterdir():
        assert main(["recipe", "check", str(file)]) == 0
    assert "model: local/erase" in capsys.readouterr().out
