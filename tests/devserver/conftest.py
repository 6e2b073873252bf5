"""Fixtures: a development server with a small function whose action the query selects."""

from pathlib import Path

import pytest
import requests

from devserver.server import DevServer

APP = """
import json, os, sys, time

def action(event):
    query = event.get("queryStringParameters") or {}
    return query.get("do", "echo"), int(query.get("n", 0))

def slow(count):
    for number in range(count):
        yield b"data: %d\\n\\n" % number
        time.sleep(0.25)

def two_chunks(path):
    # The client makes the file when it has received the first chunk.
    yield b"one"
    for _ in range(3000):
        if os.path.exists(path):
            yield b"two"
            return
        time.sleep(0.01)

def broken():
    yield b"one"
    time.sleep(0.05)
    raise ValueError("half way")

def dying():
    yield b"one"
    time.sleep(0.05)
    os._exit(3)

def long(path):
    try:
        for number in range(40):
            yield b"x" * 1000
            time.sleep(0.01)
    finally:
        open(path, "w").write("done")

def proxy(body="", status=200, **more):
    return {"statusCode": status, "headers": {"Content-Type": "text/plain"}, "body": body, **more}

def handler(event, context):
    do, n = action(event)
    if do == "echo": return proxy(json.dumps(event))
    if do == "bytes": return proxy(event["body"], isBase64Encoded=True)
    if do == "size": return proxy(str(len(event["body"])))
    if do == "slow": return proxy(slow(n))
    if do == "two": return proxy(two_chunks(event["headers"]["X-Path"]))
    if do == "broken": return proxy(broken())
    if do == "dying": return proxy(dying())
    if do == "long": return proxy(long(event["headers"]["X-Path"]))
    if do == "raise": raise ValueError("boom")
    if do == "exit": os._exit(3)
    if do == "sleep": time.sleep(n / 1000); return proxy(str(os.getpid()))
    if do == "pid": return proxy(str(os.getpid()))
    if do == "big": return proxy("x" * n)
    if do == "left": return proxy(str(context.get_remaining_time_in_millis()))
    if do == "json": return {"hello": "world"}
    if do == "newline": return proxy(headers={"X-A": "a\\r\\nX-B: b"})
    if do == "env": return proxy(json.dumps(dict(os.environ)))
    if do == "headers":
        return {"statusCode": 418, "headers": {"X-One": "1", "X-Two": "no", "Content-Length": "9"},
                "multiValueHeaders": {"x-two": ["2a", "2b"]}, "cookies": ["a=1", "b=2"], "body": "hi"}
"""

EDITS = "/v1/images/edits"


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("function")
    (folder / "app.py").write_text(APP)
    return folder


@pytest.fixture(scope="session")
def gateway(app):
    with DevServer(task_root=app, workers=2) as running:
        yield running


@pytest.fixture
def call_function(gateway):
    """Return a function that sends a POST to the streaming route of the shared server."""
    with requests.Session() as session:
        yield lambda do, n=0, path=EDITS, **more: session.post(
            gateway.url + path, params={"do": do, "n": n}, timeout=30, **more
        )
