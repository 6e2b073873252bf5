"""Check a running gateway, deployed or local, and print what is wrong with it.

    RETOUCH_KEY=rt_... python -m tools.doctor --url https://.../prod/v1

The checks cost no money: the embedded model performs the edits.
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

from tools.doctor_client import TIMEOUT_SECONDS, CheckFailed, GatewayClient, Response, error_message
from tools.doctor_images import photo_and_mask, png_with_all_byte_pairs
from tools.stack import CommandError, locate_stack, run_command, stack_output

EDITS_PATH = "/v1/images/edits"
BODY_SIZES = {"1 KB": 1_000, "100 KB": 100_000, "3 MB": 3_000_000}
NOT_CONFIGURED = "not configured"
HEALTHY_STATUS_TEXTS = {
    "ok": "it works",
    NOT_CONFIGURED: NOT_CONFIGURED,
    "not checked": "not checked: there is no free request",
}
_UNKNOWN_KEY = "rt_" + "A" * 43  # A well-formed key that is not in the table.
_KEYS_REMEDY = (
    "Deploy the stack again, or set its table of keys and its pepper (docs/configuration.md)."
)
_OTHER_GATEWAY = "To examine a gateway that is not deployed, such as `make run`: make doctor URL=http://127.0.0.1:8787/v1"
_BYTES_CHANGED = "API Gateway changed the bytes: binaryMediaTypes must include multipart/form-data."


class CheckReport:
    """Runs checks, prints each result at once and counts the failures."""

    def __init__(self) -> None:
        self.failure_count = 0

    def run_check(self, title: str, check: Callable[[], str]) -> bool:
        """Print one line: the title before the check runs, and its result afterwards. Return whether it passed."""
        print(f"{title}: ", end="", flush=True)
        try:
            print(f"ok, {check()}", flush=True)
        except (CheckFailed, requests.RequestException, ValueError, KeyError, TypeError) as error:
            print(f"WRONG. {_error_text(error)}", flush=True)
            self.failure_count += 1
            return False
        return True


def _error_text(error: Exception) -> str:
    if isinstance(error, requests.RequestException):
        return (
            f"No response ({type(error).__name__}): check the address, and that the gateway runs."
        )
    if isinstance(error, CheckFailed):
        return str(error)
    return f"The response is not one of a Retouch gateway ({type(error).__name__}: {error})."


def check_health(gateway: GatewayClient) -> str:
    """Check that GET /health reports ok."""
    if gateway.request_json("GET", "/health") != {"status": "ok"}:
        raise CheckFailed("The response is not {'status': 'ok'}.")
    return "it responds"


def check_authentication(gateway: GatewayClient) -> str:
    """Check that a missing key and an unknown key get the same error, and that this key is accepted."""
    probes = {"Without a key": "", "With an unknown key": _UNKNOWN_KEY}
    responses = [gateway.request("GET", "/v1/models", key) for key in probes.values()]
    if all(response.status_code == 200 for response in responses):
        return "but OPEN: anybody who can reach this gateway may use it"
    for probe, response in zip(probes, responses, strict=True):
        if response.status_code != 401 or response.json()["error"]["code"] != "invalid_api_key":
            remedy = f" {_KEYS_REMEDY}" if response.status_code == 500 else ""
            raise CheckFailed(
                f"{probe} it returns {response.status_code}, not 401 invalid_api_key: {error_message(response)}{remedy}"
            )
    if responses[0].json() != responses[1].json():
        raise CheckFailed("The error for an unknown key differs from the error for a missing key.")
    if not gateway.key:
        raise CheckFailed(
            "A key is needed for the other checks: make key NAME=doctor, then KEY=rt_..."
        )
    if gateway.request("GET", "/v1/models").status_code == 401:
        raise CheckFailed(
            "The gateway does not know this key: it is mistyped, revoked or of another stack."
        )
    return "callers without a key are rejected, and this key is valid"


def check_upload_bytes(gateway: GatewayClient, size: int) -> str:
    """Check that the gateway receives all bytes of a form unchanged."""
    image = png_with_all_byte_pairs(size)
    response = _post_image(gateway, image)
    if (
        response.status_code == 400
        and response.json()["error"]["code"] == "body_corrupted_by_gateway"
    ):
        # With a text prefix the gateway does not detect the corruption, so its digests show the extent.
        image = b"text" + image
        response = _post_image(gateway, image)
    if response.status_code != 200:
        raise CheckFailed(f"{response.status_code}: {error_message(response)}")
    digests = response.json()
    request_body = response.request.body
    if [digests["body"], *digests["images"]] != [_fingerprint(request_body), _fingerprint(image)]:
        raise CheckFailed(
            f"{_BYTES_CHANGED} Sent {_fingerprint_text(_fingerprint(image))}; arrived {_received_text(digests)}."
        )
    return f"{len(image)} bytes arrived unchanged"


def _post_image(gateway: GatewayClient, image: bytes) -> Response:
    return gateway.request(
        "POST", "/v1/doctor", files={"image": ("doctor.png", image, "image/png")}
    )


def _fingerprint(data: Any) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _fingerprint_text(fingerprint: dict[str, Any]) -> str:
    return f"{fingerprint['bytes']} bytes, SHA-256 {fingerprint['sha256'][:16]}..."


def _received_text(digests: dict[str, Any]) -> str:
    return (
        _fingerprint_text(digests["images"][0])
        if digests["images"]
        else f"no image in {digests['body']['bytes']} bytes"
    )


def check_preflight(gateway: GatewayClient, origin: str) -> str:
    """Check that a browser lets a page of that origin send an edit."""
    preflight_headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = gateway.request("OPTIONS", EDITS_PATH, "", headers=preflight_headers)
    response_headers = {name.lower(): value.lower() for name, value in response.headers.items()}
    allowed_headers = response_headers.get("access-control-allow-headers", "")
    is_allowed = (
        response.ok
        and response_headers.get("access-control-allow-origin") in (origin.lower(), "*")
        and "post" in response_headers.get("access-control-allow-methods", "")
        and ("authorization" in allowed_headers and "content-type" in allowed_headers)
    )
    if not is_allowed:
        raise CheckFailed(f"Pages of {origin} may not send edits: add the origin to CorsOrigins.")
    return f"pages of {origin} may send edits"


def check_deep_health(gateway: GatewayClient, checks: dict[str, str]) -> str:
    """Request GET /health?deep=1 and copy the status of each dependency into `checks`."""
    response = gateway.request("GET", "/health", params={"deep": "1"})
    if response.status_code not in (200, 503):
        raise CheckFailed(f"{response.status_code}: {error_message(response)}")
    report = response.json()
    checks.update(report["checks"])
    dates = report.get("lifecycle")
    differences = dates if isinstance(dates, list) else []
    texts = (
        f"{one['model']} ends {one['theirs'] or 'on no known date'}, here {one['ours'] or 'on none'}"
        for one in differences
    )
    note = f"; providers state other dates: {'; '.join(texts)}" if differences else ""
    return f"the status of each dependency follows{note}"


def check_dependency(status: str) -> str:
    """Return the text for the status that the gateway reports for one dependency. Raises CheckFailed for an error."""
    if status not in HEALTHY_STATUS_TEXTS:
        raise CheckFailed(status)
    return HEALTHY_STATUS_TEXTS[status]


def check_edit(gateway: GatewayClient) -> str:
    """Check one edit by the embedded model."""
    photo, mask = photo_and_mask()
    return _check_edit_result(
        gateway, {"image": ("photo.png", photo, "image/png"), "mask": mask}, {}
    )


def check_upload(gateway: GatewayClient) -> str:
    """Check an edit of an image that was first uploaded to the bucket."""
    photo, mask = photo_and_mask()
    presigned_post = gateway.request_json("POST", "/v1/uploads", json={"content_type": "image/png"})
    response = requests.post(
        presigned_post["url"],
        data=presigned_post["fields"],
        files={"file": photo},
        timeout=TIMEOUT_SECONDS,
    )
    if not response.ok:
        raise CheckFailed(f"The bucket returned {response.status_code} for an upload.")
    return _check_edit_result(
        gateway, {"mask": mask}, {"image": f"upload://{presigned_post['id']}"}
    )


def _check_edit_result(
    gateway: GatewayClient, files: dict[str, Any], fields: dict[str, str]
) -> str:
    form_fields = {
        **fields,
        "model": "local/erase",
        "prompt": "remove the square",
        "response_format": "b64_json",
    }
    result = gateway.request_json("POST", EDITS_PATH, data=form_fields, files=files)
    try:
        image = Image.open(io.BytesIO(base64.b64decode(result["data"][0]["b64_json"])))
        image.load()
    except (OSError, SyntaxError) as error:
        raise CheckFailed("The result is not a readable image.") from error
    if (image.format, image.size) != ("PNG", (64, 64)):
        raise CheckFailed(f"The result is a {image.format} of {image.size}, not a PNG of (64, 64).")
    return "the result is a readable PNG"


def run_checks(gateway: GatewayClient, origin: str | None) -> int:
    """Run every check and return the number of failures.

    When health or authentication fails, the other checks cannot run.
    """
    report = CheckReport()
    if not report.run_check("health", lambda: check_health(gateway)):
        return report.failure_count
    if not report.run_check("authentication", lambda: check_authentication(gateway)):
        return report.failure_count
    for name, size in BODY_SIZES.items():
        report.run_check(f"bytes, {name}", partial(check_upload_bytes, gateway, size))
    if origin:
        report.run_check("browsers", lambda: check_preflight(gateway, origin))
    checks: dict[str, str] = {}
    report.run_check("deep health", lambda: check_deep_health(gateway, checks))
    for name, status in checks.items():
        report.run_check(f"- {name}", partial(check_dependency, status))
    report.run_check("edit", lambda: check_edit(gateway))
    if checks.get("bucket", NOT_CONFIGURED) != NOT_CONFIGURED:
        report.run_check("upload", lambda: check_upload(gateway))
    return report.failure_count


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 when every check passes."""
    parser = argparse.ArgumentParser(prog="doctor", description="Check a running gateway")
    parser.add_argument("--url", help="the base_url of an SDK, with or without /v1")
    parser.add_argument("--stack", help="the deployed stack, instead of --url")
    parser.add_argument("--region", default="", help="the region, instead of the deployment's")
    parser.add_argument("--origin", help="the origin of a web page, such as https://example.com")
    options = parser.parse_args(arguments)
    return run_command(lambda: _run_doctor(options))


def _run_doctor(options: argparse.Namespace) -> int:
    if not (options.url or options.stack):
        raise CommandError("Name the gateway: URL=https://.../prod/v1 or STACK=...")
    if options.url and not options.url.startswith(("http://", "https://")):
        raise CommandError(f"URL={options.url} must begin with http:// or https://.")
    url = options.url or _deployed_endpoint(options.stack, options.region)
    root = url.rstrip("/").removesuffix("/v1")
    failure_count = run_checks(
        GatewayClient(root, os.environ.get("RETOUCH_KEY", "")), options.origin
    )
    print(_summary(failure_count))
    return 1 if failure_count else 0


def _deployed_endpoint(stack: str, region: str) -> str:
    """Return the address of the deployed stack. Raises CommandError, which also says how to examine another gateway."""
    try:
        return stack_output(locate_stack(stack, region), "Endpoint")
    except CommandError as error:
        raise CommandError(f"{error}\n{_OTHER_GATEWAY}") from error


def _summary(failure_count: int) -> str:
    if failure_count == 0:
        return "All checks passed."
    return "1 check failed." if failure_count == 1 else f"{failure_count} checks failed."


if __name__ == "__main__":
    sys.exit(main())
