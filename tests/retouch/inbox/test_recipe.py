"""Tests of recipe files: what is accepted, and what an error names."""

import json

import pytest

from retouch.inbox.recipe import InvalidRecipe, is_recipe_name, parse_recipe

EDIT = {"model": "local/erase", "prompt": "remove the ball"}


def parse(**values):
    return parse_recipe("white", json.dumps({"edit": EDIT, **values}).encode(), "e1")


def test_recipe_with_only_an_edit_has_the_defaults():
    recipe = parse()
    assert (recipe.name, recipe.etag, recipe.edit) == ("white", "e1", EDIT)
    assert (recipe.mask, recipe.on_same, recipe.sidecar, recipe.key) == (
        "none",
        "skip",
        "optional",
        "",
    )
    assert recipe.output == "outbox/{recipe}/{stem}.{ext}"


def test_recipe_keeps_every_field():
    shapes = {"shapes": [{"type": "box", "x": 0, "y": 0, "width": 5, "height": 5}]}
    values = {
        "mask": shapes,
        "match": "*.{png,jpg}",
        "output": "outbox/shop/{stem}-{index}.{ext}",
        "on_same": "buy",
        "sidecar": "required",
        "key": "k_1",
        "deadline": 60,
        "webhook": "https://example.com/hook",
        "metadata": {"source": "inbox"},
    }
    recipe = parse(**values)
    assert {name: getattr(recipe, name) for name in values} == values


def test_recipe_with_a_byte_order_mark_and_nulls_is_read():
    data = b"\xef\xbb\xbf" + json.dumps({"edit": EDIT, "mask": None}).encode()
    assert parse_recipe("white", data, "e").mask == "none"


@pytest.mark.parametrize(
    ("values", "param", "words"),
    [
        ({"modle": "x"}, "modle", "edit, mask, match"),
        ({"edit": "white"}, "edit", "object"),
        ({"edit": {"images": []}}, "edit.images", "object itself"),
        ({"edit": {"mask": {}}}, "edit.mask", "beside 'edit'"),
        ({"edit": {"response_format": "b64_json"}}, "edit.response_format", "outbox"),
        ({"edit": {"background": True}}, "edit.background", "always makes a job"),
        ({"mask": "brother"}, "mask", "none, sibling or alpha"),
        ({"mask": {"shapes": []}}, "mask", "'shapes'"),
        ({"match": "*.{png"}, "match", "braces"),
        ({"output": "inbox/{stem}.{ext}"}, "output", "outbox/{recipe}/{stem}.{ext}"),
        ({"output": "outbox/../inbox/{stem}.{ext}"}, "output", "outbox/{recipe}/{stem}.{ext}"),
        ({"output": "outbox/{name}.png"}, "output", "{recipe}, {stem}, {ext} or {index}"),
        ({"output": "outbox/result.png"}, "output", "{stem}"),
        ({"on_same": "always"}, "on_same", "skip or buy"),
        ({"sidecar": True}, "sidecar", "none, optional or required"),
        ({"key": "rt_secret"}, "key", "secret"),
        ({"deadline": 5}, "deadline", "60 to 43200"),
        ({"deadline": True}, "deadline", "60 to 43200"),
        ({"metadata": {"a": 1}}, "metadata", "16 strings"),
        ({"webhook": ""}, "webhook", "1 to 2048"),
    ],
)
def test_invalid_field_is_refused_by_name_with_its_rule(values, param, words):
    with pytest.raises(InvalidRecipe) as caught:
        parse(**values)
    assert caught.value.param == param
    assert f"'{param}'" in str(caught.value)
    assert words in str(caught.value)
    assert caught.value.code == "invalid_recipe"


def test_key_that_looks_like_a_secret_is_not_quoted():
    with pytest.raises(InvalidRecipe) as caught:
        parse(key="rt_0123456789abcdef")
    assert "0123456789abcdef" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b"\xff", b"{}"])
def test_file_that_is_no_recipe_is_refused(data):
    with pytest.raises(InvalidRecipe):
        parse_recipe("white", data, "e")


def test_recipe_file_over_64_kb_is_refused_with_its_size():
    with pytest.raises(InvalidRecipe, match="65600 bytes"):
        parse_recipe("white", b" " * 65_600, "e")


def test_word_of_the_parameter_background_is_permitted():
    assert parse(edit={**EDIT, "background": "transparent"}).edit["background"] == "transparent"


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ("white", True),
        ("a.b-c_1", True),
        ("", False),
        ("_x", False),
        ("ü", False),
        ("a" * 65, False),
    ],
)
def test_recipe_name_is_checked(text, is_valid):
    assert is_recipe_name(text) is is_valid
