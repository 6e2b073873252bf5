"""The doctor at the bedside of real gateways: well ones, and ones that something is wrong with."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from local.gateway import Gateway
from tests.support.upstream import Upstream, as_json, closed_port
from tools import doctor, keys

ORIGIN = "https://pages.example"
PEPPER = '{"RETOUCH_PEPPER": "pepper-pepper-pepper"}'


@pytest.fixture(scope="module")
def gateway():
    env = {"RETOUCH_AUTH_MODE": "open", "RETOUCH_CORS_ORIGINS": ORIGIN}
    with Gateway(env=env, s3=True) as running:
        yield running.url


@pytest.fixture
def visit(capsys, monkeypatch):
    """Run the command: (status, {title: finding})."""

    def command(url, *more, key=""):
        monkeypatch.setenv("RETOUCH_KEY", key)
        status = doctor.main(["--url", url, *more])
        printed = capsys.readouterr()
        assert key == "" or key not in printed.out + printed.err
        lines = [line for line in printed.out.splitlines() if ": " in line]
        return status, dict(line.split(": ", 1) for line in lines)

    return command


@pytest.mark.parametrize("end", ["", "/v1", "/v1/"])
def test_a_well_gateway(end, gateway, visit):
    status, found = visit(gateway + end, "--origin", ORIGIN)
    assert status == 0
    assert set(found) >= {"health", "door", "bytes, 3 MB", "browsers", "edit", "upload"}
    assert all(finding.startswith("ok, ") for finding in found.values())
    assert "OPEN" in found["door"]
    assert found["- bucket"] == "ok, it works"
    assert found["- openai"] == "ok, not configured"
    assert found["- bedrock"] == "ok, not checked: nothing free to ask it"


def test_an_origin_that_is_not_let_in(gateway, visit):
    status, found = visit(gateway, "--origin", "https://other.example")
    assert status == 1
    assert "https://other.example may not send edits" in found["browsers"]


class Meddler(BaseHTTPRequestHandler):
    """Passes requests on, and decodes bodies as text like an API without binaryMediaTypes."""

    def log_message(self, *args):
        pass

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {k: v for k, v in self.headers.items() if k.lower() != "content-length"}
        answer = requests.request(
            self.command,
            self.server.behind + self.path,
            data=body.decode(errors="replace").encode(),
            headers=headers,
            timeout=30,
        )
        self.send_response(answer.status_code)
        self.send_header("content-type", answer.headers["content-type"])
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def do_GET(self):
        self.pass_on()

    def do_POST(self):
        self.pass_on()


@pytest.fixture
def meddling(gateway):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Meddler)
    server.behind = gateway
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_changed_bytes_are_found_and_explained(meddling, visit):
    status, found = visit(meddling)
    assert status == 1
    assert found["health"].startswith("ok")
    for size in ("1 KB", "100 KB"):
        finding = found[f"bytes, {size}"]
        assert "binaryMediaTypes must include multipart/form-data" in finding
        assert "Sent " in finding
        assert "arrived " in finding
    assert found["edit"].startswith("WRONG")


def test_a_part_that_is_ill_is_named(visit):
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_API_KEY": "sk-x",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{closed_port()}",
    }
    with Gateway(env=env) as gateway:
        status, found = visit(gateway.url)
    assert status == 1
    assert found["- openai"].startswith("WRONG. ")
    assert found["- bucket"] == "ok, not configured"
    assert "upload" not in found
    assert found["edit"].startswith("ok")


@pytest.fixture(scope="module")
def closed():
    """A gateway with a door, and a key to it."""
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
        boto3.client("dynamodb").create_table(
            TableName="keys",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        boto3.client("secretsmanager").create_secret(Name="secret", SecretString=PEPPER)
        key = keys.Keys("keys", "secret").new("doctor")
        names = {"RETOUCH_KEYS_TABLE": "keys", "RETOUCH_SECRET_ID": "secret"}
        with Gateway(env={**names, "RETOUCH_AUTH_MODE": "keys"}, s3=True) as running:
            yield running.url, key
    server.stop()


def test_a_closed_gateway_with_its_key(closed, visit):
    url, key = closed
    status, found = visit(url, key=key)
    assert status == 0
    assert found["door"].startswith("ok, callers without a key are refused")
    assert found["upload"].startswith("ok")


@pytest.mark.parametrize(
    ("key", "told"), [("", "A key is needed"), ("rt_" + "B" * 43, "does not know this key")]
)
def test_a_closed_gateway_without_its_key(key, told, closed, visit):
    status, found = visit(closed[0], key=key)
    assert (status, set(found)) == (1, {"health", "door"})
    assert told in found["door"]


def test_nobody_there(visit):
    status, found = visit(f"http://127.0.0.1:{closed_port()}")
    assert (status, found) == (1, {"health": "WRONG. No answer (ConnectionError)."})


def test_something_else_entirely(visit):
    with Upstream(as_json({})) as other:
        other.files["/health"] = b"<html>hello</html>"
        status, found = visit(other.url)
    assert status == 1
    assert found["health"].startswith("WRONG. ")


def test_without_an_address_it_says_how(capsys):
    assert doctor.main([]) == 1
    assert capsys.readouterr().err == "Which gateway? URL=https://.../prod/v1 or STACK=...\n"
