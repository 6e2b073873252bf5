"""A mock provider with minimal cost.

The first path segment selects the response: /small/v1, /url/v1, /big/v1 or /photo/v1. /auto/v1 uses the kind that
GET /use/<kind>/<milliseconds> selected last, so that a gateway with one fixed upstream needs no restart for each
scenario. An edit waits for these milliseconds.
"""

import argparse
import base64
import json
from pathlib import Path

from bench.mock_server import MockRequest, MockResponse, http_response, run_server
from bench.scenarios import BIG, PHOTO, SMALL, URL

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
EDITS_PATH = "/v1/images/edits"
USAGE = {"input_tokens": 300, "output_tokens": 1000, "total_tokens": 1300}
IMAGES = {SMALL: "answer-20k.png", BIG: "answer-1m.png", PHOTO: "answer-photo.png"}


class MockResponses:
    """All responses of the mock provider, encoded once."""

    def __init__(self, images: Path, port: int) -> None:
        files = {kind: (images / name).read_bytes() for kind, name in IMAGES.items()}
        self.selected_kind = SMALL
        self.wait_seconds = 0.0
        self.counts = {"edits": 0, "refused": 0}
        self.file_response = http_response(files[SMALL], "image/png")
        self.edit_responses = {
            URL: edit_response({"url": f"http://127.0.0.1:{port}/file.png"}),
            **{
                kind: edit_response({"b64_json": base64.b64encode(data).decode()})
                for kind, data in files.items()
            },
        }

    def respond(self, request: MockRequest) -> MockResponse:
        """Return the response to a request. Only an edit waits."""
        if request.method == b"GET":
            return MockResponse(self._respond_to_get(request.path))
        return MockResponse(self._respond_to_post(request.path, request.body), self.wait_seconds)

    def _respond_to_post(self, path: str, body: bytes) -> bytes:
        """Return the response to an upload. An upload that is cut off or has no image gets a 400."""
        kind = path.strip("/").split("/", 1)[0]
        response = self.edit_responses.get(self.selected_kind if kind == "auto" else kind)
        if response is None or not path.endswith(EDITS_PATH) or not is_complete(body):
            self.counts["refused"] += 1
            return http_response(b'{"error":{"message":"not an edit"}}', status="400 Bad Request")
        self.counts["edits"] += 1
        return response

    def _respond_to_get(self, path: str) -> bytes:
        """Return the image behind the result URL or the counters. /use selects the response of /auto."""
        if path == "/file.png":
            return self.file_response
        if path.startswith("/use/"):
            self.selected_kind, _, wait_ms = path.removeprefix("/use/").partition("/")
            self.wait_seconds = int(wait_ms) / 1000
        return http_response(json.dumps(self.counts).encode())


def is_complete(body: bytes) -> bool:
    """Return True when the form ends with its own boundary and contains a PNG."""
    closing = body.split(b"\r\n", 1)[0] + b"--\r\n"
    return body.endswith(closing) and PNG_SIGNATURE in body


def edit_response(item: dict[str, str]) -> bytes:
    """Return the bytes of OpenAI's HTTP response to an edit."""
    return http_response(json.dumps({"created": 1, "data": [item], "usage": USAGE}).encode())


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("images", type=Path)
    image_folder = cli.parse_args().images
    run_server(lambda port: MockResponses(image_folder, port).respond)
