"""A Fetcher connected to the fake internet, and scripted responses for it."""

from retouch.core.clock import SystemClock
from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.policy import FetchPolicy
from retouch.infrastructure.fetch.fetcher import Fetcher
from tests.support.fake_internet import ScriptedResolver, body_bytes

URL = "https://a.test/x.png?sig=secret"
PNG = body_bytes("png:8x8")
CLOCK = SystemClock()


def make_fetcher(web, policy=None, dns_answers=None, log=None):
    resolver = ScriptedResolver(dns_answers or {"*": [["8.8.8.8"]]})
    write_log = log.append if log is not None else lambda line: None
    return Fetcher(
        policy or FetchPolicy(),
        CLOCK,
        resolve_name=resolver,
        open_connection=web.open_connection,
        log=write_log,
    )


def raw_response(*lines, body=b""):
    return {"raw": "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode() + body}


def scripted_response(body="png:8x8", status=200, **headers):
    header_values = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "headers": header_values, "body": body}


def encode_chunked(data, size=7):
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in [*chunks, b""])


def fetch_outcome(web, policy=None, **options):
    """Fetch the test URL. Return the reason of the FetchError, or the bytes of the image."""
    try:
        return make_fetcher(web, policy).read(URL, CLOCK.now() + 10, **options)
    except FetchError as error:
        return error.reason
