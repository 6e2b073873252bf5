"""Tests of the doctor against running gateways, healthy ones and broken ones."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from devserver.ports import unused_port
from devserver.server import DevServer
from tests.support.dynamodb import table_definition
from tests.support.upstream import Upstream, json_response
from tools import doctor, keys

ORIGIN = "https://pages.example"
PEPPER = '{"RETOUCH_PEPPER": "pepper-pepper-pepper"}'


@pytest.fixture(scope="module")
def gateway():
    env = {"RETOUCH_AUTH_MODE": "open", "RETOUCH_CORS_ORIGINS": ORIGIN}
    with DevServer(env=env, s3=True) as running:
        yield running.url


@pytest.fixture
def run_doctor(capsys, monkeypatch):
    """Return a function that runs the command and returns (status, {title: finding})."""

    def run(url, *more, key=""):
        monkeypatch.setenv("RETOUCH_KEY", key)
        status = doctor.main(["--url", url, *more])
        printed = capsys.readouterr()
        assert key == "" or key not in printed.out + printed.err
        lines = [line for line in printed.out.splitlines() if ": " in line]
        return status, dict(line.split(": ", 1) for line in lines)

    return run


@pytest.mark.parametrize("url_suffix", ["", "/v1", "/v1/"])
def test_doctor_reports_every_check_ok_for_a_healthy_gateway(url_suffix, gateway, run_doctor):
    status, findings = run_doctor(gateway + url_suffix, "--origin", ORIGIN)
    assert status == 0
    assert set(findings) >= {
        "health",
        "authentication",
        "bytes, 3 MB",
        "browsers",
        "edit",
        "upload",
    }
    assert all(finding.startswith("ok, ") for finding in findings.values())
    assert "OPEN" in findings["authentication"]
    assert findings["- bucket"] == "ok, it works"
    assert findings["- openai"] == "ok, not configured"
    assert findings["- bedrock"] == "ok, not configured"  # the credentials are of the local S3


def test_doctor_fails_the_browser_check_for_an_origin_outside_cors(gateway, run_doctor):
    status, findings = run_doctor(gateway, "--origin", "https://other.example")
    assert status == 1
    assert "https://other.example may not send edits" in findings["browsers"]


class ProxyServer(ThreadingHTTPServer):
    behind: str  # the URL that the requests are forwarded to


class BodyCorruptingProxy(BaseHTTPRequestHandler):
    """Forwards requests and decodes their bodies as text, like an API without binaryMediaTypes."""

    server: ProxyServer

    def log_message(self, *args):
        pass

    def forward(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {k: v for k, v in self.headers.items() if k.lower() != "content-length"}
        response = requests.request(
            self.command,
            self.server.behind + self.path,
            data=body.decode(errors="replace").encode(),
            headers=headers,
            timeout=30,
        )
        self.send_response(response.status_code)
        self.send_header("content-type", response.headers["content-type"])
        self.send_header("content-length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)

    def do_GET(self):
        self.forward()

    def do_POST(self):
        self.forward()


@pytest.fixture
def corrupting_proxy(gateway):
    server = ProxyServer(("127.0.0.1", 0), BodyCorruptingProxy)
    server.behind = gateway
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_doctor_names_binary_media_types_when_a_proxy_changes_upload_bytes(
    corrupting_proxy, run_doctor
):
    status, findings = run_doctor(corrupting_proxy)
    assert status == 1
    assert findings["health"].startswith("ok")
    for size in ("1 KB", "100 KB"):
        finding = findings[f"bytes, {size}"]
        assert "binaryMediaTypes must include multipart/form-data" in finding
        assert "Sent " in finding
        assert "arrived " in finding
    assert findings["edit"].startswith("WRONG")


def test_doctor_names_the_dependency_that_is_unreachable(run_doctor):
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_API_KEY": "sk-x",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{unused_port()}",
    }
    with DevServer(env=env) as gateway:
        status, findings = run_doctor(gateway.url)
    assert status == 1
    assert findings["- openai"].startswith("WRONG. ")
    assert findings["- bucket"] == "ok, not configured"
    assert "upload" not in findings
    assert findings["edit"].startswith("ok")


@pytest.fixture(scope="module")
def gateway_with_keys():
    """Return the URL of a gateway that requires keys, and a valid key."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    env = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        boto3.client("dynamodb").create_table(**table_definition("keys", "id"))
        boto3.client("secretsmanager").create_secret(Name="secret", SecretString=PEPPER)
        key = keys.KeyStore("keys", "secret").create("doctor")
    names = {"RETOUCH_KEYS_TABLE": "keys", "RETOUCH_SECRET_ID": "secret"}
    with DevServer(env={**env, **names, "RETOUCH_AUTH_MODE": "keys"}, s3=True) as running:
        yield running.url, key
    server.stop()


def test_doctor_passes_on_a_gateway_with_keys_when_the_key_is_valid(gateway_with_keys, run_doctor):
    url, key = gateway_with_keys
    status, findings = run_doctor(url, key=key)
    assert status == 0
    assert findings["authentication"].startswith("ok, callers without a key are rejected")
    assert findings["upload"].startswith("ok")


@pytest.mark.parametrize(
    ("key", "message"), [("", "A key is needed"), ("rt_" + "B" * 43, "does not know this key")]
)
def test_doctor_stops_at_authentication_when_the_key_is_missing_or_unknown(
    key, message, gateway_with_keys, run_doctor
):
    status, findings = run_doctor(gateway_with_keys[0], key=key)
    assert (status, set(findings)) == (1, {"health", "authentication"})
    assert message in findings["authentication"]


def test_doctor_fails_only_the_health_check_when_nothing_listens(run_doctor):
    status, findings = run_doctor(f"http://127.0.0.1:{unused_port()}")
    assert (status, set(findings)) == (1, {"health"})
    assert findings["health"].startswith("WRONG. No response (ConnectionError): check the address")


@pytest.mark.parametrize("url", ["127.0.0.1:8787", "ftp://gateway.example", "localhost"])
def test_doctor_refuses_an_address_without_http_in_one_sentence(url, capsys):
    assert doctor.main(["--url", url]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"URL={url} must begin with http:// or https://.\n"


@pytest.mark.parametrize(("count", "text"), [(1, "1 check failed."), (2, "2 checks failed.")])
def test_doctor_counts_the_failed_checks(count, text, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "run_checks", lambda *_: count)
    assert doctor.main(["--url", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().out == f"{text}\n"


def test_doctor_shows_the_reason_of_a_gateway_that_cannot_check_keys(run_doctor):
    with DevServer(env={"RETOUCH_AUTH_MODE": "keys"}) as gateway:
        status, findings = run_doctor(gateway.url)
    assert status == 1
    finding = findings["authentication"]
    assert "With an unknown key it returns 500" in finding
    assert "The gateway has no pepper for its keys. Its operator sets RETOUCH_ADMIN_KEY" in finding
    assert "docs/configuration.md" in finding


def test_doctor_fails_the_health_check_when_another_server_responds(run_doctor):
    with Upstream(json_response({})) as other:
        other.files["/health"] = b"<html>hello</html>"
        status, findings = run_doctor(other.url)
    assert status == 1
    assert findings["health"].startswith("WRONG. ")


def test_doctor_without_url_or_stack_prints_usage_and_fails(capsys):
    assert doctor.main([]) == 1
    assert capsys.readouterr().err == "Name the gateway: URL=https://.../prod/v1 or STACK=...\n"


def test_doctor_without_a_region_also_says_how_to_examine_a_local_gateway(capsys, monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert doctor.main(["--stack", "no-such-stack"]) == 1
    printed = capsys.readouterr().err
    assert "The region of the stack 'no-such-stack' is unknown" in printed
    assert "make doctor URL=http://127.0.0.1:8787/v1" in printed
