import json
from collections.abc import Iterator

import pytest

from bench.cells import BIG, CELLS, SMALL, URL, Cell, multipart
from bench.children import mock_upstream
from bench.client import Connection
from bench.lanes import Lane, Series
from bench.pictures import inspect
from bench.targets import Target, direct
from bench.upstream import Upstream


@pytest.fixture(scope="module")
def upstream(pictures) -> Iterator[Upstream]:
    with mock_upstream(pictures) as url:
        yield Upstream(url)


def send(base_url: str, body: bytes):
    wire = Connection(base_url)
    try:
        return wire.send(Target("t", base_url).head(len(body)), body)
    finally:
        wire.close()


@pytest.mark.parametrize(
    ("kind", "picture"), [(SMALL, "PNG 256x256"), (URL, "URL"), (BIG, "PNG 1024x1024")]
)
def test_the_path_chooses_the_answer(upstream, pictures, kind, picture) -> None:
    answer = send(f"{upstream.url}/{kind}/v1", Cell("20 KB", SMALL).body(pictures))
    assert answer.status == 200
    assert inspect(answer.body) == picture


def test_the_url_answer_leads_to_a_real_picture(upstream, pictures) -> None:
    answer = send(f"{upstream.url}/url/v1", Cell("3 MB", URL).body(pictures))
    url = json.loads(answer.body)["data"][0]["url"]
    assert url == f"{upstream.url}/file.png"
    wire = Connection(url)
    assert wire.send(b"GET /file.png HTTP/1.1\r\n\r\n", b"").body.startswith(b"\x89PNG")
    wire.close()


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.label)
def test_auto_follows_the_switch_on_one_connection(upstream, pictures, cell) -> None:
    upstream.use(cell.answer)
    lane = Lane(direct(upstream.url), cell, pictures, Series(seconds=[[]]))
    lane.look(upstream)
    lane.shoot()
    lane.close()
    assert lane.series.upstream_calls == 1
    assert len(lane.series.seconds[0]) == 1
    assert not lane.series.failures
    assert lane.series.picture == inspect(
        send(f"{upstream.url}/{cell.answer}/v1", cell.body(pictures)).body
    )


def test_what_is_no_whole_edit_is_refused(upstream, pictures) -> None:
    body = Cell("20 KB", SMALL).body(pictures)
    base = f"{upstream.url}/small/v1"
    before = upstream.edits()
    assert send(base, body[:-20]).status == 400
    assert send(base, multipart([("prompt", "x")], [("image", b"no picture")])).status == 400
    assert send(f"{upstream.url}/what/v1", body).status == 400
    assert upstream.edits() == before


def test_a_lane_keeps_failures_by_name(upstream, pictures) -> None:
    target = Target("broken", f"{upstream.url}/what/v1")
    lane = Lane(target, CELLS[0], pictures, Series(seconds=[[]]))
    lane.shoot()
    lane.look(upstream)
    lane.close()
    assert lane.series.seconds == [[]]
    assert lane.series.failures[0].startswith("400 ")
    assert lane.series.picture.startswith("400 ")
    assert lane.series.upstream_calls == 0
