"""A local S3: moto in a separate process, which ends together with its parent process.

With a folder, the objects are still there after a restart, and at the same port so are the links to them.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from devserver.ports import bind_listener

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BUCKET = "retouch-local"


class LocalS3:
    """The process of the local S3. Its port is known at once, before it responds."""

    def __init__(self, port: int = 0, folder: Path | None = None) -> None:
        """Start the process. Raises OSError when the port is taken."""
        listener = bind_listener(port)
        listener.listen()
        self.port: int = listener.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "devserver.s3", str(listener.fileno()), str(folder or "")],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,  # Never written. Its end tells the child that the parent has ended.
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        listener.close()

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return the environment variables that lead AWS clients to this server, merged with `base`."""
        from retouch.planning.connection import LOCAL_ACCESS_KEY  # not in the process of the S3

        return {
            "AWS_ACCESS_KEY_ID": LOCAL_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": "local",
            **base,
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}",
            "RETOUCH_BUCKET": BUCKET,
        }

    async def wait_until_ready(self) -> None:
        """Return once the bucket exists. Raises RuntimeError when the process did not start."""
        if not await asyncio.to_thread(self._read_first_line):
            raise RuntimeError("The local S3 did not start.")

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def _read_first_line(self) -> bytes:
        assert self.process.stdout
        return self.process.stdout.readline()


def serve(descriptor: int, folder: str) -> None:
    """Serve on an inherited socket until standard input ends. The objects are kept in the folder, if there is one."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    class QuietRequestHandler(MotoRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Log nothing, instead of one line for each stored object."""

    app: WSGIApplication = create_backend_app("s3")
    if folder:
        from devserver.s3_folder import FolderMiddleware

        app = FolderMiddleware(app, Path(folder), BUCKET)
    server = make_server(
        "127.0.0.1", 0, app, threaded=True, request_handler=QuietRequestHandler, fd=descriptor
    )
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
    serve(int(sys.argv[1]), sys.argv[2])
