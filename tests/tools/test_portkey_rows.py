"""Tests of the Portkey comparison: each row against Retouch, and the page that the rows generate."""

import sys
from collections import Counter
from dataclasses import replace

import pytest

from tests.support.upstream import Upstream
from tools.portkey import __main__ as command
from tools.portkey import page
from tools.portkey.gateways import run_retouch, send_row_to_portkey
from tools.portkey.observation import find_mismatches, send_row
from tools.portkey.row import SUCCESS, ExpectedResponse, Row
from tools.portkey.rows import ROWS


@pytest.fixture(scope="module")
def upstream():
    with Upstream(SUCCESS) as server:
        yield server


@pytest.fixture(scope="module")
def url(upstream):
    with run_retouch(upstream) as address:
        yield address


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_matches_the_response_of_retouch(row, url, upstream):
    assert list(find_mismatches(row.retouch, send_row(row, url, upstream))) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_verdict_agrees_with_its_expected_responses(row):
    assert (row.portkey is None) == (row.verdict == "same")
    assert row.reason.strip()
    assert "|" not in row.name + row.reason


def test_row_names_are_unique():
    assert Counter(row.name for row in ROWS).most_common(1)[0][1] == 1


def test_portkey_page_matches_the_rows():
    assert page.is_current(), "run `python -m tools.portkey --write`"


@pytest.mark.parametrize(
    "expected",
    [
        ExpectedResponse(status=201),
        ExpectedResponse(call_count=2),
        ExpectedResponse(headers={"x-portkey-provider": "nobody"}),
        ExpectedResponse(headers={"x-portkey-provider": None}),
        ExpectedResponse(headers={"x-nothing": "*"}),
        ExpectedResponse(body={"data.0.b64_json": "other"}),
        ExpectedResponse(body={"data.7": "*"}),
        ExpectedResponse(sent={"field prompt": "other"}),
        ExpectedResponse(sent={"files": []}),
        ExpectedResponse(sent={"path": "/"}),
    ],
    ids=str,
)
def test_find_mismatches_reports_one_line_for_each_wrong_value(expected, url, upstream):
    assert len(list(find_mismatches(expected, send_row(Row("p", "w"), url, upstream)))) == 1


def test_run_rows_prints_and_counts_rows_with_mismatches(url, upstream, monkeypatch, capsys):
    monkeypatch.setattr(command, "ROWS", ROWS[:2])
    expected = {ROWS[0].name: ExpectedResponse(299), ROWS[1].name: ROWS[1].retouch}
    assert command.run_rows("Retouch", send_row, lambda row: expected[row.name], url, upstream) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"Retouch: {ROWS[0].name}: status 200 instead of 299")
    assert last == "Retouch: 1 of 2 rows match"


def test_portkey_command_prints_only_its_result(monkeypatch, capfd):
    hung_up = [row for row in ROWS if row.retouch.status == 408]
    assert hung_up, (
        "the errors that the upstream logs for early disconnects must not be printed either"
    )
    rejected = [row for row in ROWS if row.retouch.status == 400][:2]
    monkeypatch.setattr(command, "ROWS", rows := [ROWS[0], *rejected, *hung_up])
    monkeypatch.setattr(sys, "argv", ["tools.portkey"])
    assert command.main() == 0
    assert "".join(capfd.readouterr()) == f"Retouch: {len(rows)} of {len(rows)} rows match\n"


def test_portkey_row_gets_the_custom_host_at_every_config_level(upstream):
    row = Row("p", "w", config={"targets": [{"targets": [{"api_key": "k"}]}]})
    with Upstream(SUCCESS) as gateway:
        send_row_to_portkey(
            replace(row, headers={"x-portkey-custom-host": "h"}), gateway.url, upstream
        )
        headers = gateway.calls[0].headers
    host = f"{upstream.url}/v1"
    assert headers["x-portkey-custom-host"] == host
    assert headers["x-portkey-config"].count(host) == 3
