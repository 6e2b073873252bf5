"""The whole stack on a stand-in for AWS: created from the template, then asked over HTTP.

The stand-in creates the resources and runs the function with its layer, secret, table and bucket. It answers in one
piece and does not know gateway responses; streams are tested through the local front.
"""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import boto3
import pytest

from retouch.admission import digest
from tests.e2e.built import ENV, ROOT, WORK, built, need_interpreter, need_tools
from tests.support.events import multipart
from tests.support.pictures import hole, opened, photo

KEY = "rt_for-this-test"
EDIT = {
    "prompt": "remove the box",
    "image": ("image.png", photo(96, 96), "image/png"),
    "mask": ("mask.png", hole(96, 96), "image/png"),
}
FOLDER = ROOT / ".work" / "stack-build"

pytestmark = [pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """The environment in which every AWS client ends up at the stand-in."""
    need_interpreter()
    need_tools(".work/stack/.ready", ".work/sam/.ready")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    own = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": port,
        "EDGE_PORT": port,
    }
    folder = tmp_path_factory.mktemp("aws")
    env = {**ENV, **own, "TMPDIR": str(folder)}
    env.pop("PYTHONPATH", None)  # the function has to find its code in its layer
    server = subprocess.Popen(
        [ROOT / ".work" / "stack" / "bin" / "ministack"],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(int(port))
        yield env
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def wait_for(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the stand-in for AWS did not start")


@pytest.fixture(scope="module")
def stack(aws):
    """The outputs, with `url` as the address at which the stand-in serves the API."""
    command = [
        ROOT / ".work" / "sam" / "bin" / "python",
        ROOT / "tools" / "aws" / "stand_in.py",
        WORK / "build" / "template.yaml",
        FOLDER,
    ]
    with built("build-native"):
        done = subprocess.run(command, env=aws, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout.splitlines()[-1])
    api = outputs["Endpoint"].removeprefix("https://").partition(".")[0]
    url = f"{aws['AWS_ENDPOINT_URL']}/restapis/{api}/prod/_user_request_"
    give_key(outputs, aws)
    return {**outputs, "url": url}


def give_key(outputs, aws):
    """What an operator does after the first deployment."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    at = {"endpoint_url": aws["AWS_ENDPOINT_URL"]}
    secret = session.client("secretsmanager", **at).get_secret_value(SecretId=outputs["SecretArn"])
    pepper = json.loads(secret["SecretString"])["RETOUCH_PEPPER"]
    item = {"id": {"S": digest(KEY, pepper)}, "name": {"S": "test"}}
    session.client("dynamodb", **at).put_item(TableName=outputs["KeysTable"], Item=item)


def ask(stack, path, fields=None, key=KEY):
    """(status, document) of a request."""
    kind, body = multipart(fields) if fields else (None, None)
    request = urllib.request.Request(stack["url"] + path, body)
    request.add_header("Authorization", f"Bearer {key}")
    if kind:
        request.add_header("Content-Type", kind)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_an_edit_with_a_key_comes_back_as_a_link_into_the_bucket(stack):
    status, body = ask(stack, "/v1/images/edits", {**EDIT, "response_format": "url"})
    assert status == 200, body
    url = body["data"][0]["url"]
    assert stack["Bucket"] in url
    with urllib.request.urlopen(url, timeout=30) as link:
        assert opened(link.read()).size == (96, 96)


def test_without_a_key_nothing_is_edited(stack):
    status, body = ask(stack, "/v1/images/edits", EDIT, key="rt_guessed")
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")


def test_everything_configured_works(stack):
    status, body = ask(stack, "/health?deep=1")
    assert (status, body["checks"]["bucket"]) == (200, "ok")


def test_uploads_arrive_as_the_bytes_they_were(stack):
    status, body = ask(stack, "/v1/doctor", EDIT)
    assert (status, body["images"][0]["bytes"]) == (200, len(EDIT["image"][1]))


@pytest.mark.parametrize("path", ["/v1/models", "/openapi.json", "/health"])
def test_every_route_leads_to_the_function(stack, path):
    assert ask(stack, path)[0] == 200
