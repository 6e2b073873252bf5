"""The commands `retouch quota` and `retouch usage` at a running gateway with tenants."""

import pytest
import requests

from devserver.ports import unused_port
from devserver.server import DevServer
from retouch.cli import main
from tests.support.images import box_mask, photo
from tests.support.waits import wait_until

ADMIN = "rt_admin-of-a-test"


@pytest.fixture(scope="module")
def url():
    with DevServer(env={"RETOUCH_AUTH_MODE": "keys", "RETOUCH_ADMIN_KEY": ADMIN}) as server:
        yield server.url


@pytest.fixture(scope="module")
def limited_key(url):
    limits = {"usage_limits": [{"type": "cost", "credit_limit": 20, "periodic_reset": "monthly"}]}
    rates = {"rate_limits": [{"type": "requests", "unit": "rpm", "value": 60}]}
    body = {"name": "till", "scopes": ["completions.write"], **limits, **rates}
    headers = {"Authorization": f"Bearer {ADMIN}"}
    created = requests.post(
        f"{url}/v1/api-keys/workspace/service",
        json={"workspace_id": "default", **body},
        headers=headers,
        timeout=60,
    )
    assert created.ok, created.text
    key = created.json()["key"]
    requests.post(
        f"{url}/v1/images/edits",
        files={"image": photo(), "mask": box_mask()},
        data={"prompt": "x", "model": "local/erase"},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    ).raise_for_status()
    return key


def test_quota_is_a_table_of_the_limits_of_the_key(url, limited_key, monkeypatch, capsys):
    monkeypatch.setenv("RETOUCH_KEY", limited_key)
    assert main(["quota", "--gateway", url]) == 0
    names, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert names == ["of", "limit", "at", "most", "left", "resets"]
    assert any(row[0] == "api_key" and "usd" in row and "20.000000" in row for row in rows)
    assert any("(rpm)" in row and "60" in row for row in rows)


def test_quota_of_an_open_gateway_says_that_it_has_no_keys(monkeypatch, capsys):
    monkeypatch.setenv("RETOUCH_KEY", "anything")
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}) as server:
        assert main(["quota", "--gateway", server.url]) == 0
    assert capsys.readouterr().out.startswith("This gateway is open: it has no keys")


def test_usage_is_a_table_of_the_edits_of_the_month(url, limited_key, monkeypatch, capsys):
    monkeypatch.setenv("RETOUCH_KEY", ADMIN)
    monkeypatch.setenv("RETOUCH_URL", f"{url}/v1")

    def read_lines():
        assert main(["usage"]) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        return lines if len(lines) > 2 else None

    lines = wait_until(read_lines)  # the event of an edit is written beside its response
    assert lines[0][:4] == ["workspace", "model", "requests", "attempts"]
    assert lines[1][:3] == ["w_default", "erase", "1"]
    assert lines[-1][:3] == ["together", "together", "1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quota"], "needs one of its own keys"),
        (["usage", "--month", "2026-13"], "--month is '2026-13'. It must be a month such as"),
        (["usage", "--by", "nothing"], "needs one of its own keys"),
        (["quota", "--gateway", "ftp://x"], "It must begin with https://"),
        (
            ["quota", "--gateway", f"http://127.0.0.1:{unused_port()}"],
            "does not answer as a gateway: Connection refused",
        ),
    ],
)
def test_failure_is_one_line_with_a_reason(url, arguments, words, monkeypatch, capsys):
    monkeypatch.delenv("RETOUCH_KEY", raising=False)
    gateway = [] if "--gateway" in arguments else ["--gateway", url]
    assert main([*arguments, *gateway]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"retouch {arguments[0]}: ")
    assert words in line


@pytest.mark.parametrize("command", ["mask", "quota", "usage"])
def test_help_of_a_command_ends_with_examples(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"retouch {command} " in capsys.readouterr().out.splitlines()[-1]
