"""The internet on one local socket: names, addresses, certificates and answers by script.

The dialer connects every address to this server and remembers which one was meant; TLS, timeouts and HTTP
are real. A script is a dict in the notation of tests/cases/ssrf_cases.json, used in order; the last repeats.
"""

import errno
import gzip
import itertools
import socket
import ssl
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

from PIL import Image

from retouch.edges.fetch.dial import Dialer
from tests.support.certificates import server_context, trust
from tests.support.pictures import encoded, photo

GOOD = {"status": 200, "headers": {"content-type": "image/png"}, "body": "png:8x8"}
_ZEROS = bytes(65_536)


@dataclass
class Asked:
    """One request as it arrived. `server_name` is what TLS named, None without."""

    target: str
    headers: dict
    server_name: str | None


@dataclass
class Counted:
    """A connection that counts what it brings."""

    inner: object
    received: int = 0

    def settimeout(self, value):
        self.inner.settimeout(value)

    def sendall(self, data):
        self.inner.sendall(data)

    def recv_into(self, buffer):
        size = self.inner.recv_into(buffer)
        self.received += size
        return size

    def close(self):
        self.inner.close()


@dataclass
class Names:
    """A resolver by script: name -> successive answers, the last repeats; "*" stands for any name."""

    answers: dict
    asked: list = field(default_factory=list)

    def __call__(self, name, seconds):
        self.asked.append(name)
        successive = self.answers.get(name, self.answers.get("*"))
        if successive is None:
            raise OSError("no such name")
        return successive[min(self.asked.count(name), len(successive)) - 1]


class Web:
    """Use as a context manager; `web.dial` and `web.trust` are for the fetcher. Seconds are divided by `tempo`."""

    def __init__(self, *scripts, tempo=1):
        self.scripts = list(scripts or [GOOD])
        self.tempo = tempo
        self.dialled, self.asked, self.connections = [], [], []
        self.gone = threading.Event()
        self.dialer = Dialer(trust, self.connect)

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.gone.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    @property
    def received(self):
        """Bytes that came back over the last connection."""
        return self.connections[-1].received

    def dial(self, *where):
        self.connections.append(Counted(self.dialer(*where)))
        return self.connections[-1]

    def connect(self, where, seconds):
        self.dialled.append(where)
        if "connect_error" in self.scripts[0]:
            raise OSError(getattr(errno, self.next()["connect_error"]), "by script")
        return socket.create_connection(("127.0.0.1", self.port), seconds)

    def next(self):
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]

    def accept(self):
        with suppress(OSError):
            while True:
                plain, _ = self.listener.accept()
                script, (address, _) = self.next(), self.dialled[-1]
                args = (plain, script, address)
                threading.Thread(target=self.serve, args=args, daemon=True).start()

    def serve(self, plain, script, address):
        with suppress(OSError), plain:
            plain.settimeout(20)
            names = []
            connection = plain
            if plain.recv(1, socket.MSG_PEEK) == b"\x16":
                context = server_context(script.get("tls", "good"), address, names)
                connection = context.wrap_socket(plain, server_side=True)
            with connection:
                if self.ask(connection, names[0] if names else None):
                    self.answer(connection, script)

    def ask(self, connection, server_name):
        head = b""
        while b"\r\n\r\n" not in head and (piece := connection.recv(4096)):
            head += piece
        if not head:
            return False
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        self.asked.append(Asked(first.split(" ")[1], headers, server_name))
        return True

    def answer(self, connection, script):
        if "hang_s" in script:
            return self.gone.wait(script["hang_s"] / self.tempo)
        if "drip_headers" in script:
            return self.drip(
                connection, itertools.chain(b"HTTP/1.1 200 OK\r\nx: ", itertools.repeat(97))
            )
        if "reset_after" in script:
            connection.sendall(wire({**GOOD, "body": "bytes:4096"})[: script["reset_after"]])
            return reset(connection)
        if "raw" in script:
            connection.sendall(script["raw"])
            return None if script.get("rude") else finish(connection)
        return self.send(connection, script)

    def send(self, connection, script):
        body = script["body"]
        if body.startswith("drip:"):
            connection.sendall(head(script))
            return self.drip(connection, itertools.chain(photo(8, 8), itertools.repeat(0)))
        if body.startswith("stream:"):
            connection.sendall(head(script) + photo(8, 8))
            return [connection.sendall(_ZEROS) for _ in range(16_384)]
        connection.sendall(wire(script))
        return finish(connection)

    def drip(self, connection, data):
        for byte in data:
            connection.sendall(bytes([byte]))
            if self.gone.wait(1 / self.tempo):
                break


def finish(connection):
    """Say goodbye as TLS wants it, so that the end is known to be one."""
    if isinstance(connection, ssl.SSLSocket):
        connection.unwrap()


def reset(connection):
    """Close with RST, as a crashed server does."""
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


def wire(script):
    """The whole answer; a length is added unless the script has one or wants the end to be the end."""
    body = payload(script["body"])
    names = {name.lower() for name, _ in pairs(script)}
    length = (
        [] if names & {"content-length", "transfer-encoding"} else [("content-length", len(body))]
    )
    return head({**script, "headers_raw": pairs(script) + length}) + body


def head(script):
    lines = [f"HTTP/1.1 {script['status']} by script", *(f"{k}: {v}" for k, v in pairs(script))]
    # A line break inside a value is sent folded: that is how a client can come to see one.
    return "\r\n".join(line.replace("\r\n", "\r\n ") for line in [*lines, "", ""]).encode("utf-8")


def pairs(script):
    many = [(f"x-{n}", "a") for n in range(script.get("headers_count", 0))]
    return [*map(tuple, script.get("headers_raw", script.get("headers", {}).items())), *many]


def payload(token):
    """The bytes a body token stands for; anything without a known prefix is text."""
    kind, _, size = token.partition(":")
    match kind:
        case "png":
            return encoded(Image.new("RGB", tuple(map(int, size.split("x")))))
        case "bytes":
            return b"\xa5" * int(size)
        case "gzip-zeros":
            return _gzip_zeros()
        case "gzip^3-zeros":
            return gzip.compress(gzip.compress(_gzip_zeros()))
        case "br-zeros":
            return bytes(1_048_576)  # the label is what is refused; no encoder is needed for it
    return token.encode()


@cache
def _gzip_zeros():
    """A gibibyte: the same member 64 times over."""
    return gzip.compress(bytes(16 * 1_048_576), 1) * 64
