"""The page behind a stage of API Gateway, at a custom domain, and switched off."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from devserver.server import DevServer

PREFIX = "/prod"


@pytest.fixture
def stage(server):
    """Yield the URL of a proxy that serves the gateway below /prod, as API Gateway does, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            self.forward()

        def do_POST(self):
            self.forward()

        def forward(self):
            if not self.path.startswith(f"{PREFIX}/"):
                self.send_error(403)
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            url = server.url + self.path.removeprefix(PREFIX)
            answer = requests.request(self.command, url, data=body, headers=headers, timeout=60)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{proxy.server_address[1]}{PREFIX}"
    proxy.shutdown()
    proxy.server_close()


def test_edit_works_below_a_stage(page, stage):
    page.goto(f"{stage}/playground")
    page.click("#sample")
    page.wait_for_selector("#edit:enabled")
    page.click("#edit")
    page.wait_for_selector("#verdict.good", timeout=30_000)
    page.click("#code > summary")
    assert f"'{stage}/v1/images/edits'" in page.inner_text("#sample-code")


def test_playground_that_is_off_is_not_served():
    with DevServer(env={"RETOUCH_AUTH_MODE": "open", "RETOUCH_PLAYGROUND": "off"}) as server:
        assert requests.get(f"{server.url}/playground", timeout=10).status_code == 404
        assert "playground" not in requests.get(server.url, timeout=10).text
