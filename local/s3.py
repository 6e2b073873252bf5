"""A stand-in for S3: moto in a process of its own, which ends when its parent does."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.client import HTTPConnection

from local.listening import bind

BUCKET = "retouch-local"


class S3:
    """The child process. Its address is known at once, before it answers there."""

    def __init__(self) -> None:
        listener = bind()
        listener.listen()
        self.port: int = listener.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local.s3", str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,  # never written to: its end tells the child that we are gone
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        listener.close()

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """What an AWS client needs to end up here."""
        return {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            **given,
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}",
            "RETOUCH_BUCKET": BUCKET,
        }

    async def ready(self) -> None:
        """Return once the bucket is there."""
        if not await asyncio.to_thread(self._first_line):
            raise RuntimeError("the stand-in for S3 did not start")

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def _first_line(self) -> bytes:
        assert self.process.stdout
        return self.process.stdout.readline()


def serve(descriptor: int) -> None:
    """Serve on an inherited socket until standard input ends."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """One line per object stored is of no interest to anybody."""

    app = create_backend_app("s3")
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet, fd=descriptor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _create_bucket(server.port)
    print("ready", flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


def _create_bucket(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("PUT", f"/{BUCKET}")
    connection.getresponse()
    connection.close()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
