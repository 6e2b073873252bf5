"""A fetcher in a scripted web, and answers for it."""

from retouch.clock import SystemClock
from retouch.edges.fetch.fetcher import Fetcher
from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from tests.support.web import Names, payload

URL = "https://a.test/x.png?sig=secret"
PNG = payload("png:8x8")
CLOCK = SystemClock()


def fetcher(web, policy=None, answers=None, log=None):
    names = Names(answers or {"*": [["8.8.8.8"]]})
    sink = log.append if log is not None else lambda line: None
    return Fetcher(policy or Policy(), CLOCK, resolve=names, dial=web.dial, log=sink)


def raw(*lines, body=b""):
    return {"raw": "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode() + body}


def answer(body="png:8x8", status=200, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "headers": named, "body": body}


def chunked(data, size=7):
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in [*pieces, b""])


def outcome(web, policy=None, **options):
    """The reason of a refusal, or the bytes of a picture."""
    try:
        return fetcher(web, policy).read(URL, CLOCK.now() + 10, **options)
    except FetchError as error:
        return error.reason
