import json
import socket
from collections.abc import Iterator
from contextlib import closing
from itertools import takewhile
from queue import Queue
from threading import Thread

import pytest

from bench.client import Connection
from bench.mock_control import MockControl
from bench.mock_server import http_response
from bench.processes import run_mock_provider
from bench.response_check import describe_response
from bench.scenario_client import Measurements, ScenarioClient
from bench.scenarios import BIG, SCENARIOS, SMALL, URL, Scenario, encode_multipart
from bench.targets import BUDGET_KEY, GATEWAY_KEY, Target, direct_target


@pytest.fixture(scope="module")
def upstream(images_folder) -> Iterator[MockControl]:
    with run_mock_provider(images_folder) as url:
        yield MockControl(url)


def send_edit(base_url: str, body: bytes):
    connection = Connection(base_url)
    try:
        return connection.send(Target("t", base_url).request_head(len(body)), body)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("kind", "description"), [(SMALL, "PNG 256x256"), (URL, "URL"), (BIG, "PNG 1024x1024")]
)
def test_mock_provider_selects_the_response_by_path(
    upstream, images_folder, kind, description
) -> None:
    response = send_edit(
        f"{upstream.url}/{kind}/v1", Scenario("20 KB", SMALL).request_body(images_folder)
    )
    assert response.status == 200
    assert describe_response(response.body) == description


def test_mock_provider_result_url_serves_a_png(upstream, images_folder) -> None:
    response = send_edit(
        f"{upstream.url}/url/v1", Scenario("3 MB", URL).request_body(images_folder)
    )
    url = json.loads(response.body)["data"][0]["url"]
    assert url == f"{upstream.url}/file.png"
    connection = Connection(url)
    assert connection.send(b"GET /file.png HTTP/1.1\r\n\r\n", b"").body.startswith(b"\x89PNG")
    connection.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.label)
def test_mock_provider_auto_path_follows_the_selected_response(
    upstream, images_folder, scenario
) -> None:
    upstream.select_response(scenario.response_kind, scenario.provider_ms)
    client = ScenarioClient(
        direct_target(upstream.url), scenario, images_folder, Measurements(seconds=[[]])
    )
    client.send_checked(upstream)
    client.send_timed()
    client.close()
    assert client.measurements.upstream_calls == 1
    assert len(client.measurements.seconds[0]) == 1
    assert not client.measurements.failures
    assert client.measurements.image == describe_response(
        send_edit(
            f"{upstream.url}/{scenario.response_kind}/v1", scenario.request_body(images_folder)
        ).body
    )


def test_mock_provider_waits_before_an_edit_but_not_before_its_counters(
    upstream, images_folder
) -> None:
    waiting = Scenario("20 KB", SMALL, provider_ms=100)
    upstream.select_response(waiting.response_kind, waiting.provider_ms)
    response = send_edit(f"{upstream.url}/auto/v1", waiting.request_body(images_folder))
    assert response.status == 200
    assert response.seconds >= 0.1
    upstream.select_response(SMALL)
    assert waiting.label == "20 KB → 20 KB picture, provider takes 100 ms"


def test_scenario_client_sends_another_idempotency_key_with_each_request(images_folder) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        target = Target("recorder", f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        keys = Queue[bytes]()
        Thread(
            target=record_headers, args=(listener, keys, b"Idempotency-Key: "), daemon=True
        ).start()
        scenario = Scenario("20 KB", SMALL, has_key=True)
        client = ScenarioClient(target, scenario, images_folder, Measurements(seconds=[[]]))
        client.send_timed()
        client.send_timed()
        client.close()
        first, second = keys.get(timeout=10), keys.get(timeout=10)
    assert first != second


def test_scenario_client_sends_the_key_with_a_budget_instead_of_the_gateway_key(
    images_folder,
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        target = Target("recorder", url, {"Authorization": f"Bearer {GATEWAY_KEY}"})
        keys = Queue[bytes]()
        Thread(
            target=record_headers, args=(listener, keys, b"Authorization: "), daemon=True
        ).start()
        scenario = Scenario("20 KB", SMALL, has_budget=True)
        client = ScenarioClient(target, scenario, images_folder, Measurements(seconds=[[]]))
        client.send_timed()
        client.close()
        assert keys.get(timeout=10).strip() == f"Authorization: Bearer {BUDGET_KEY}".encode()


def record_headers(listener: socket.socket, values: "Queue[bytes]", name: bytes) -> None:
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as reader:
        for _ in range(2):
            headers = list(takewhile(lambda line: line != b"\r\n", reader))
            if not headers:  # the client has closed the connection
                return
            length = next(int(line.split(b":")[1]) for line in headers if b"Length" in line)
            reader.read(length)
            values.put(next(line for line in headers if line.startswith(name)))
            connection.sendall(http_response(b"{}"))


def test_mock_provider_returns_400_for_incomplete_edits(upstream, images_folder) -> None:
    body = Scenario("20 KB", SMALL).request_body(images_folder)
    base = f"{upstream.url}/small/v1"
    before = upstream.edit_count()
    assert send_edit(base, body[:-20]).status == 400
    assert (
        send_edit(base, encode_multipart([("prompt", "x")], [("image", b"no picture")])).status
        == 400
    )
    assert send_edit(f"{upstream.url}/what/v1", body).status == 400
    assert upstream.edit_count() == before


def test_scenario_client_records_failures_by_status(upstream, images_folder) -> None:
    target = Target("broken", f"{upstream.url}/what/v1")
    client = ScenarioClient(target, SCENARIOS[0], images_folder, Measurements(seconds=[[]]))
    client.send_timed()
    client.send_checked(upstream)
    client.close()
    assert client.measurements.seconds == [[]]
    assert client.measurements.failures[0].startswith("400 ")
    assert client.measurements.image.startswith("400 ")
    assert client.measurements.upstream_calls == 0
