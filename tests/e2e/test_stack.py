"""Tests of the whole stack on an AWS emulator: created from the template, then called over HTTP.

The emulator creates the resources and runs the function with its layer, secret, table and bucket. Its responses are
buffered, and it does not support gateway responses. The tests of the development server cover streams.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
import pytest

from devserver.ports import unused_port
from retouch.gateway.authentication import key_digest
from tests.e2e.sam_build import ENV, LOCK, ROOT, WORK, require_interpreter, require_tools, run_build
from tests.support.events import encode_multipart
from tests.support.file_lock import hold_file_lock
from tests.support.images import box_mask, decode_image, photo

KEY = "rt_for-this-test"
EDIT_FIELDS = {
    "prompt": "remove the box",
    "image": ("image.png", photo(96, 96), "image/png"),
    "mask": ("mask.png", box_mask(96, 96), "image/png"),
}
BUILD_FOLDER = ROOT / ".work" / "stack-build"

pytestmark = [pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """Yield the environment that leads every AWS client to the emulator."""
    require_interpreter()
    with hold_file_lock(LOCK):
        require_tools(".work/stack/.ready", ".work/sam/.ready")
    port = str(unused_port())
    emulator_env = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": port,
        "EDGE_PORT": port,
    }
    folder = tmp_path_factory.mktemp("aws")
    env = {**ENV, **emulator_env, "TMPDIR": str(folder)}
    env.pop("PYTHONPATH", None)  # The function has to import its code from its layer.
    server = subprocess.Popen(
        [ROOT / ".work" / "stack" / "bin" / "ministack"],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_port(int(port))
        yield env
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def wait_for_port(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("The AWS emulator did not start.")


@pytest.fixture(scope="module")
def stack(aws):
    """Return the stack outputs, with `url` as the URL at which the emulator serves the API."""
    command = [
        ROOT / ".work" / "sam" / "bin" / "python",
        ROOT / "tools" / "aws" / "deploy_to_ministack.py",
        WORK / "build" / "template.yaml",
        BUILD_FOLDER,
    ]
    with run_build("build-native"):
        completed = subprocess.run(command, env=aws, capture_output=True, text=True, timeout=200)
    assert completed.returncode == 0, completed.stderr
    outputs = json.loads(completed.stdout.splitlines()[-1])
    api = outputs["Endpoint"].removeprefix("https://").partition(".")[0]
    url = f"{aws['AWS_ENDPOINT_URL']}/restapis/{api}/prod/_user_request_"
    store_key(outputs, aws)
    return {**outputs, "url": url}


def store_key(outputs, aws):
    """Store the digest of a key, as an operator does after the first deployment."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    client_options = {"endpoint_url": aws["AWS_ENDPOINT_URL"]}
    secret = session.client("secretsmanager", **client_options).get_secret_value(
        SecretId=outputs["PepperSecretArn"]
    )
    pepper = json.loads(secret["SecretString"])["RETOUCH_PEPPER"]
    item = {"id": {"S": key_digest(KEY, pepper)}, "name": {"S": "test"}}
    session.client("dynamodb", **client_options).put_item(TableName=outputs["KeysTable"], Item=item)


def request_json(stack, path, fields=None, key=KEY):
    """Send a request and return (status, document)."""
    content_type, body = encode_multipart(fields) if fields else (None, None)
    request = urllib.request.Request(stack["url"] + path, body)
    request.add_header("Authorization", f"Bearer {key}")
    if content_type:
        request.add_header("Content-Type", content_type)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_edit_with_a_key_returns_a_link_into_the_bucket(stack):
    status, body = request_json(
        stack, "/v1/images/edits", {**EDIT_FIELDS, "response_format": "url"}
    )
    assert status == 200, body
    url = body["data"][0]["url"]
    assert stack["Bucket"] in url
    with urllib.request.urlopen(url, timeout=30) as link:
        assert decode_image(link.read()).size == (96, 96)


def run_tool(aws, *arguments, text=""):
    """Run a command of the operator as make does. Return its output."""
    completed = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**aws, "PYTHONPATH": f"{ROOT}/layers/retouch:{ROOT}"},
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


def test_operator_gets_from_the_stack_to_a_passing_doctor(stack, aws):
    # There is no free request to Bedrock, so the doctor does not connect to it.
    assert "Wrote BEDROCK_API_KEY" in run_tool(aws, "tools.secret", "BEDROCK_API_KEY", text="key")
    key = run_tool(aws, "tools.keys", "new", "me").split()[0]
    assert key.startswith("rt_")
    report = run_tool({**aws, "RETOUCH_KEY": key}, "tools.doctor", "--url", stack["url"])
    assert "edit: ok" in report
    assert "WRONG" not in report


def test_edit_with_an_unknown_key_gets_401(stack):
    status, body = request_json(stack, "/v1/images/edits", EDIT_FIELDS, key="rt_guessed")
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")


def test_deep_health_reports_the_bucket_ok(stack):
    status, body = request_json(stack, "/health?deep=1")
    assert (status, body["checks"]["bucket"]) == (200, "ok")


def test_multipart_upload_reaches_the_function_unchanged(stack):
    status, body = request_json(stack, "/v1/doctor", EDIT_FIELDS)
    assert (status, body["images"][0]["bytes"]) == (200, len(EDIT_FIELDS["image"][1]))


@pytest.mark.parametrize("path", ["/v1/models", "/openapi.json", "/health"])
def test_public_routes_reach_the_function(stack, path):
    assert request_json(stack, path)[0] == 200
