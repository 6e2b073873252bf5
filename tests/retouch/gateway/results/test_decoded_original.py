"""Tests of the work on the original during the call: it overlaps with the call and never harms it."""

import base64
import threading

import pytest
from PIL import Image

from retouch.core.concurrency.background_call import BackgroundCall
from retouch.gateway.results import decoded_original
from retouch.gateway.results.decoded_original import DecodedOriginal
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, box_mask, decode_image, encode_image, photo, scene
from tests.support.masked_edits import (
    HEIGHT,
    ORIGINALS,
    WIDTH,
    send_masked_edit,
    unmarked_difference,
)
from tests.support.upstream import Upstream, json_response

PREPARE = "retouch.gateway.results.decoded_original._prepare"
EDIT = {
    "model": "gpt-image-2",
    "prompt": "p",
    "image": file_part(photo(WIDTH, HEIGHT)),
    "mask": file_part(box_mask(WIDTH, HEIGHT)),
}
ANSWER = json_response({"created": 1, "data": [{"b64_json": b64(photo(WIDTH, HEIGHT))}]})


@pytest.fixture
def preparations(monkeypatch):
    """Record the preparations that are started."""
    calls, prepare = [], decoded_original._prepare

    def record(*arguments):
        calls.append(threading.current_thread().name)
        return prepare(*arguments)

    monkeypatch.setattr(PREPARE, record)
    return calls


class WaitingProvider(Upstream):
    """A provider that responds only when the original is prepared."""

    def __init__(self, ended):
        super().__init__(ANSWER)
        self.ended, self.was_prepared = ended, False

    def serve(self, handler):
        self.was_prepared = self.ended.wait(60)
        super().serve(handler)


def test_original_is_prepared_while_the_provider_works(monkeypatch):
    ended, prepare = threading.Event(), decoded_original._prepare

    def signal(*arguments):
        prepared = prepare(*arguments)
        ended.set()
        return prepared

    monkeypatch.setattr(PREPARE, signal)
    with WaitingProvider(ended) as upstream:
        response = post_edit(EDIT, {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url})
    assert (response.status, upstream.was_prepared) == (200, True)


@pytest.mark.parametrize("n", [1, 3])
def test_original_is_prepared_once_for_all_images(preparations, n):
    results = send_masked_edit(ORIGINALS["PNG"], n=n)
    assert preparations == ["background-call"]
    assert len(results) == n


@pytest.mark.parametrize("output_format", ["webp", "jpeg"])
def test_original_is_not_prepared_for_other_formats(preparations, output_format):
    send_masked_edit(ORIGINALS["PNG"], output_format=output_format)
    assert preparations == []


@pytest.mark.parametrize("kind", ORIGINALS)
def test_failed_preparation_gives_the_same_image(monkeypatch, capsys, kind):
    (expected,) = send_masked_edit(ORIGINALS[kind])

    def fail(*_, **__):
        raise MemoryError("no memory for the lines")

    monkeypatch.setattr(PREPARE, fail)
    (result,) = send_masked_edit(ORIGINALS[kind])
    assert result.tobytes() == expected.tobytes()
    assert "no memory for the lines" in capsys.readouterr().out


def test_edit_without_a_thread_for_the_preparation_is_finished(monkeypatch, capsys):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(decoded_original, "BackgroundCall", refuse)
    (result,) = send_masked_edit(ORIGINALS["PNG"])
    assert unmarked_difference(result, scene(WIDTH, HEIGHT)) is None
    assert "can't start new thread" in capsys.readouterr().out


def test_preparation_that_does_not_end_is_cut_off_at_the_deadline(monkeypatch):
    proceed = threading.Event()
    monkeypatch.setattr(PREPARE, lambda *_, **__: proceed.wait(60))
    with Upstream(ANSWER) as upstream:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        response = post_edit(EDIT, env, seconds=8.0)
    proceed.set()
    assert (response.status, response.headers["x-retouch-preserved-pixels"]) == (200, "0")
    assert "no time was left" in response.headers["x-retouch-notes"]


def test_error_of_the_preparation_is_no_error_of_the_original(caplog):
    def fail():
        raise ValueError("a bug")

    pixels = Image.new("RGB", (4, 4))
    assert DecodedOriginal(pixels, BackgroundCall(fail)).wait_for_preparation() is None
    assert DecodedOriginal(pixels).wait_for_preparation() is None
    assert "a bug" in caplog.text


@pytest.mark.parametrize("paint", ["RGB", "RGBA"])
def test_edit_of_kept_lines_is_that_of_the_decoded_original(monkeypatch, paint):
    picture = scene(WIDTH, HEIGHT).rotate(180).convert(paint)
    if paint == "RGBA":
        picture.putalpha(90)  # needs another mode than the original has
    answer = json_response({"created": 1, "data": [{"b64_json": b64(encode_image(picture))}]})
    with Upstream(answer) as upstream:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        kept = post_edit(EDIT, env)
        monkeypatch.setattr("retouch.gateway.prepare.read_lines", lambda _: None)
        decoded = post_edit(EDIT, env)
    images = [
        decode_image(base64.b64decode(r.json["data"][0]["b64_json"])) for r in (kept, decoded)
    ]
    assert images[0].mode == images[1].mode == paint
    assert images[0].tobytes() == images[1].tobytes()
    assert kept.json["size"] == decoded.json["size"] == f"{WIDTH}x{HEIGHT}"
    for name in ("x-retouch-preserved-pixels", "x-retouch-notes"):
        assert kept.headers.get(name) == decoded.headers.get(name)


def test_grey_original_with_a_coloured_result_becomes_coloured():
    (result,) = send_masked_edit(encode_image(scene(WIDTH, HEIGHT).convert("L")))
    assert result.mode == "RGB"
    assert unmarked_difference(result, scene(WIDTH, HEIGHT).convert("L")) is None
