"""Examines a running gateway, deployed or local, and says in plain words what is wrong with it.

    RETOUCH_KEY=rt_... python -m tools.doctor --url https://.../prod/v1

Nothing here costs money: edits are done by the embedded model.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import requests
from PIL import Image

from tools.patient import PATIENCE, Answer, Gateway, Wrong, message
from tools.specimens import every_byte, subject
from tools.stack import Trouble, output, saying

EDITS = "/v1/images/edits"
SIZES = {"1 KB": 1_000, "100 KB": 100_000, "3 MB": 3_000_000}
ABSENT = "not configured"
FINE = {"ok": "it works", ABSENT: ABSENT, "not checked": "not checked: nothing free to ask it"}
_NOBODY = "rt_" + "A" * 43  # well-formed, and nobody's
_MANGLED = "API Gateway changed the bytes: binaryMediaTypes must include multipart/form-data."


class Visit:
    """What is found, printed as it is found."""

    def __init__(self) -> None:
        self.failed = 0

    def check(self, title: str, examine: Callable[[], str]) -> bool:
        """One line: the title before the examination, the finding after it."""
        print(f"{title}: ", end="", flush=True)
        try:
            print(f"ok, {examine()}", flush=True)
        except (Wrong, requests.RequestException, ValueError, KeyError, TypeError) as wrong:
            print(f"WRONG. {_words(wrong)}", flush=True)
            self.failed += 1
            return False
        return True


def _words(wrong: Exception) -> str:
    if isinstance(wrong, requests.RequestException):
        return f"No answer ({type(wrong).__name__})."
    if isinstance(wrong, Wrong):
        return str(wrong)
    return f"The answer is not what a Retouch gateway says ({type(wrong).__name__}: {wrong})."


def alive(gateway: Gateway) -> str:
    """GET /health."""
    if gateway.told("GET", "/health") != {"status": "ok"}:
        raise Wrong("It does not say that it is.")
    return "it answers"


def door(gateway: Gateway) -> str:
    """Whether a key is asked for, and a key of nobody refused in the same words."""
    answers = [gateway.ask("GET", "/v1/models", key) for key in ("", _NOBODY)]
    if all(answer.status_code == 200 for answer in answers):
        return "but OPEN: anybody who reaches this gateway may use it"
    for answer in answers:
        if answer.status_code != 401 or answer.json()["error"]["code"] != "invalid_api_key":
            raise Wrong(f"Without a key it answers {answer.status_code}, not 401 invalid_api_key.")
    if answers[0].json() != answers[1].json():
        raise Wrong("It tells an unknown key from a missing one.")
    if not gateway.key:
        raise Wrong("A key is needed to see more: make key NAME=doctor, then KEY=rt_...")
    if gateway.ask("GET", "/v1/models").status_code == 401:
        raise Wrong("It does not know this key: it is mistyped, revoked or another stack's.")
    return "callers without a key are refused, and this key is known"


def unchanged(gateway: Gateway, size: int) -> str:
    """Whether all bytes of a form arrive as they were sent."""
    sent = every_byte(size)
    answer = _send(gateway, sent)
    if answer.status_code == 400 and answer.json()["error"]["code"] == "body_corrupted_by_gateway":
        # Behind a few letters the damage is not recognised, so that it can be measured.
        sent = b"text" + sent
        answer = _send(gateway, sent)
    if answer.status_code != 200:
        raise Wrong(f"{answer.status_code}: {message(answer)}")
    said = answer.json()
    whole = answer.request.body
    if [said["body"], *said["images"]] != [_print(whole), _print(sent)]:
        raise Wrong(f"{_MANGLED} Sent {_shown(_print(sent))}; arrived {_arrived(said)}.")
    return f"{len(sent)} bytes arrived as they were sent"


def _send(gateway: Gateway, picture: bytes) -> Answer:
    return gateway.ask("POST", "/v1/doctor", files={"image": ("doctor.png", picture, "image/png")})


def _print(data: Any) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _shown(fingerprint: dict[str, Any]) -> str:
    return f"{fingerprint['bytes']} bytes, SHA-256 {fingerprint['sha256'][:16]}..."


def _arrived(said: dict[str, Any]) -> str:
    return (
        _shown(said["images"][0])
        if said["images"]
        else f"no picture in {said['body']['bytes']} bytes"
    )


def preflight(gateway: Gateway, origin: str) -> str:
    """Whether a browser would let a page of that origin send an edit."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = gateway.ask("OPTIONS", EDITS, "", headers=asked)
    given = {name.lower(): value.lower() for name, value in answer.headers.items()}
    allowed = given.get("access-control-allow-headers", "")
    fine = (
        answer.ok
        and given.get("access-control-allow-origin") in (origin.lower(), "*")
        and "post" in given.get("access-control-allow-methods", "")
        and ("authorization" in allowed and "content-type" in allowed)
    )
    if not fine:
        raise Wrong(f"Pages of {origin} may not send edits: add it to CorsOrigins.")
    return f"pages of {origin} may send edits"


def depth(gateway: Gateway, checks: dict[str, str]) -> str:
    """GET /health?deep=1; `checks` takes what it says of each part."""
    answer = gateway.ask("GET", "/health", params={"deep": "1"})
    if answer.status_code not in (200, 503):
        raise Wrong(f"{answer.status_code}: {message(answer)}")
    checks.update(answer.json()["checks"])
    return "here is what it says of its parts"


def part(said: str) -> str:
    """What the gateway says of one of its parts."""
    if said not in FINE:
        raise Wrong(said)
    return FINE[said]


def edit(gateway: Gateway) -> str:
    """One edit by the embedded model."""
    photo, mask = subject()
    return _edited(gateway, {"image": ("photo.png", photo, "image/png"), "mask": mask}, {})


def upload(gateway: Gateway) -> str:
    """An edit of a picture that was put into the bucket first."""
    photo, mask = subject()
    invitation = gateway.told("POST", "/v1/uploads", json={"content_type": "image/png"})
    kept = requests.post(
        invitation["url"], data=invitation["fields"], files={"file": photo}, timeout=PATIENCE
    )
    if not kept.ok:
        raise Wrong(f"The bucket answered {kept.status_code} to an upload.")
    return _edited(gateway, {"mask": mask}, {"image": f"upload://{invitation['id']}"})


def _edited(gateway: Gateway, files: dict[str, Any], fields: dict[str, str]) -> str:
    order = {
        **fields,
        "model": "local/erase",
        "prompt": "remove the square",
        "response_format": "b64_json",
    }
    said = gateway.told("POST", EDITS, data=order, files=files)
    try:
        image = Image.open(io.BytesIO(base64.b64decode(said["data"][0]["b64_json"])))
        image.load()
    except (OSError, SyntaxError) as broken:
        raise Wrong("The result is not a readable picture.") from broken
    if (image.format, image.size) != ("PNG", (64, 64)):
        raise Wrong(f"The result is a {image.format} of {image.size}, not a PNG of (64, 64).")
    return "the result is a readable PNG"


def examine(gateway: Gateway, origin: str | None) -> int:
    """Every check; how many failed. Without a way in there is nothing more to see."""
    visit = Visit()
    if not visit.check("health", lambda: alive(gateway)):
        return visit.failed
    if not visit.check("door", lambda: door(gateway)):
        return visit.failed
    for name, size in SIZES.items():
        visit.check(f"bytes, {name}", partial(unchanged, gateway, size))
    if origin:
        visit.check("browsers", lambda: preflight(gateway, origin))
    checks: dict[str, str] = {}
    visit.check("health in depth", lambda: depth(gateway, checks))
    for name, said in checks.items():
        visit.check(f"- {name}", partial(part, said))
    visit.check("edit", lambda: edit(gateway))
    if checks.get("bucket", ABSENT) != ABSENT:
        visit.check("upload", lambda: upload(gateway))
    return visit.failed


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 where nothing is wrong."""
    parser = argparse.ArgumentParser(prog="doctor", description="Examines a running gateway")
    parser.add_argument("--url", help="an SDK's base_url, with or without /v1")
    parser.add_argument("--stack", help="the deployed stack, instead of --url")
    parser.add_argument("--origin", help="a web page's origin, such as https://example.com")
    asked = parser.parse_args(arguments)
    return saying(lambda: _run(asked))


def _run(asked: argparse.Namespace) -> int:
    if not (asked.url or asked.stack):
        raise Trouble("Which gateway? URL=https://.../prod/v1 or STACK=...")
    url = asked.url or output(asked.stack, "Endpoint")
    root = url.rstrip("/").removesuffix("/v1")
    failed = examine(Gateway(root, os.environ.get("RETOUCH_KEY", "")), asked.origin)
    print(f"{failed} wrong." if failed else "All is well.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
