"""A TCP proxy that delivers requests and may lose the responses to them, as a broken connection does after a write."""

import contextlib
import random
import socket
import threading

_EXPECT = b"Expect: 100-continue\r\n"


class LosingProxy:
    """Forwards HTTP requests to a port. While `losses` is above 0, a request whose body has `marker` gets no response.

    The request still arrives, and the proxy waits for the response, so the write is done before the connection ends.
    """

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._lock = threading.Lock()
        self.marker, self.losses, self.lost = b"", 0, 0
        self._every, self._seen = 1, 0
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, marker, times=1, every=1):
        """Lose the responses to the next requests with these bytes, or to each `every`-th of them."""
        with self._lock:
            self.marker, self.losses, self.lost = marker, times, 0
            self._every, self._seen = every, 0

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client):
        with (
            contextlib.suppress(ConnectionError),  # one end was killed
            client,
            socket.create_connection(("127.0.0.1", self._target)) as server,
        ):
            while request := _read_message(client):
                server.sendall(request)
                response = _read_message(server)
                if not response or self._is_lost(request):
                    return
                client.sendall(response)

    def _is_lost(self, request):
        with self._lock:
            if self.losses <= 0 or self.marker not in request:
                return False
            self._seen += 1
            if self._seen % self._every:
                return False
            self.losses, self.lost = self.losses - 1, self.lost + 1
            return True


def _read_message(sock):
    """Return the bytes of one HTTP message with a Content-Length, or nothing at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    if _EXPECT in head:  # S3 clients wait for it before they send the body
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        data = data.replace(_EXPECT, b"", 1)
    lengths = [
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    ]
    missing = sum(lengths) - len(body)
    while missing > 0:
        chunk = sock.recv(65536)
        if not chunk:
            return b""
        data, missing = data + chunk, missing - len(chunk)
    return data


class UnreliableProxy(LosingProxy):
    """Loses a share of the responses to writes."""

    def __init__(self, port, share):
        self.share, self.random = share, random.Random(4711)
        super().__init__(port)

    def _is_lost(self, request):
        is_write = b".UpdateItem" in request or b".PutItem" in request
        if not is_write or self.random.random() >= self.share:
            return False
        self.lost += 1
        return True
