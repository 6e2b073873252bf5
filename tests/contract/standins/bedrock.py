"""AWS Bedrock's runtime with Stability's services, from botocore's model and AWS's pages. Reads both kinds of proof."""

import base64
import binascii
import hashlib
import hmac
import re
from typing import ClassVar
from urllib.parse import quote, unquote

from tests.contract.standin import Seen, StandIn, repeated
from tests.contract.standins._stability import (
    BROKEN,
    LARGEST,
    LIMITED,
    MASKED,
    OPERATOR,
    PICTURES,
    Bad,
    broken_failures,
    check,
    check_picture,
    fails,
    painted,
    real,
    whole,
)
from tests.support.pictures import b64
from tests.support.upstream import as_json

MODELS = {
    "us.stability.stable-image-inpaint-v1:0": "inpaint",
    "us.stability.stable-outpaint-v1:0": "outpaint",
    "us.stability.stable-image-erase-object-v1:0": "erase",
    "us.stability.stable-image-search-replace-v1:0": "search-and-replace",
    "us.stability.stable-image-search-recolor-v1:0": "search-and-recolor",
    "us.stability.stable-image-remove-background-v1:0": "remove-background",
    "us.stability.stable-image-control-sketch-v1:0": "control-sketch",
    "us.stability.stable-image-control-structure-v1:0": "control-structure",
    "us.stability.stable-image-style-guide-v1:0": "control-style",
    "us.stability.stable-style-transfer-v1:0": "style-transfer",
    "stability.sd3-5-large-v1:0": "image-to-image",
}
NUMBERS = {"seed", "grow_mask", "creativity", "strength", "fidelity", "left", "right", "up", "down"}
MOST_BYTES = 25_000_000
LARGEST_ANSWER = 16_777_216
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI+EXAMPLEKEY"


def signed(received, secret=SECRET_KEY):
    """Whether Signature Version 4 fits what arrived, by the rules for services other than S3: the path as it was
    sent, encoded once more."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(([0-9]{8})/([^/]+)/([^/]+)/aws4_request), "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        received.headers.get("authorization", ""),
    )
    if not found:
        return False
    _, scope, day, region, service, names, signature = found.groups()
    told = {n for n in received.headers if n in ("host", "content-type") or n.startswith("x-amz-")}
    if "x-amz-date" not in told or not told <= set(names.split(";")):
        return False
    headers = "".join(f"{name}:{received.headers[name]}\n" for name in names.split(";"))
    body = hashlib.sha256(received.body).hexdigest()
    path = quote(received.path, safe="/~")
    request = "\n".join((received.method, path, "", headers, names, body))
    order = ("AWS4-HMAC-SHA256", received.headers["x-amz-date"], scope)
    text = "\n".join((*order, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex() == signature


def failed(status, kind, message):
    headers = {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    return as_json({"message": message}, status, **headers)


def filtered(reason, **more):
    return as_json({"seeds": [41], "finish_reasons": [reason], **more})


class Bedrock(StandIn):
    slug = "bedrock"
    # What these take otherwise than at Stability's own.
    rules: ClassVar = {
        "inpaint": {"grow_mask": whole(0, 20)},
        "outpaint": {"creativity": real(0.1, 1)},
        "image-to-image": {"style_preset": None, "cfg_scale": None, "model": None},
        "control-style": {"style_preset": None},
    }

    def env(self):
        return {"BEDROCK_API_KEY": self.key, "BEDROCK_BASE_URL": self.url}

    def respond(self, received):
        if received.headers.get("authorization") != f"Bearer {self.key}" and not signed(received):
            return failed(403, "AccessDeniedException", "Please make sure your API Key is valid.")
        if len(received.body) > MOST_BYTES:
            return failed(413, "ValidationException", "the body is too long")
        found = re.fullmatch(r"/model/([A-Za-z0-9.%-]+)/invoke", received.path)
        operation = MODELS.get(unquote(found[1])) if found else None
        if operation is None:
            return failed(
                404, "ResourceNotFoundException", "Could not resolve the foundation model"
            )
        try:
            answer = self.done(operation, received)
        except (Bad, OSError, binascii.Error) as bad:
            return failed(400, "ValidationException", str(bad))
        too_long = len(answer.body) > LARGEST_ANSWER
        return failed(400, "ValidationException", TOO_LONG) if too_long else answer

    def done(self, operation, received):
        if received.headers.get("content-type") != "application/json":
            raise Bad("Content-Type must be application/json")
        fields, files = self.order(operation, received)
        for name, rule in self.rules.get(operation, {}).items():
            if name in fields and (rule is None or not rule(fields[name])):
                raise Bad(f"{name}: {fields[name]!r}")
        if text := [name for name in NUMBERS & fields.keys() if isinstance(fields[name], str)]:
            raise Bad(f"{text}: not a number")
        check(operation, fields, files)
        for name, data in files.items():
            if name != "mask":
                check_picture(data, LARGEST, 2.5)
        seed = fields.get("seed", 41)
        made = b64(painted(operation, fields, files))
        return as_json({"seeds": [seed], "finish_reasons": [None], "images": [made]})

    def order(self, operation, received):
        fields = received.json()
        names = {*PICTURES.get(operation, ("image",)), *(("mask",) if operation in MASKED else ())}
        given = names & fields.keys()
        return fields, {name: base64.b64decode(fields.pop(name), validate=True) for name in given}

    def seen(self, received):
        operation = MODELS[unquote(received.path.split("/")[2])]
        fields, files = self.order(operation, received)
        names = PICTURES.get(operation, ("image",))
        return Seen([files[n] for n in names if n in files], files.get("mask"), fields)

    def failures(self):
        late = failed(429, "ThrottlingException", "Too many requests, please wait.")
        hinted = failed(429, "ThrottlingException", "Too many requests, please wait.")
        hinted.headers["retry-after"] = "30"
        gone = (404, "model_not_found")
        blocked = (400, "moderation_blocked", "unknown")
        return {
            **broken_failures(),
            "bad_key": fails(as_json({"Message": f"Authentication failed: {self.key}"}, 403), *OPERATOR),
            "bad_signature": fails(failed(403, "InvalidSignatureException", "expired"), *OPERATOR),
            "forbidden": fails(failed(403, "AccessDeniedException", NOT_ALLOWED), *OPERATOR),
            "not_enabled": fails(failed(403, "AccessDeniedException", NOT_ENABLED), *gone),
            "not_subscribed": fails(failed(403, "AccessDeniedException", NOT_SUBSCRIBED), *gone),
            "retired": fails(failed(404, "ResourceNotFoundException", ENDED), *gone),
            "retired_unused": fails(failed(404, "ResourceNotFoundException", LEGACY), *gone),
            "validation": fails(failed(400, "ValidationException", "bad"), 400, "provider_refused"),
            "too_long": fails(failed(400, "ValidationException", TOO_LONG), 400, "provider_refused", "unknown"),
            "quota": fails(failed(400, "ServiceQuotaExceededException", "used up"), 429, "insufficient_quota"),
            "rate_limited": fails(late, *LIMITED),
            "rate_limited_with_hint": fails(hinted, *LIMITED),
            "not_ready": repeated(
                fails(failed(429, "ModelNotReadyException", "warming"), 502, "provider_overloaded")
            ),
            "model_timeout": fails(failed(408, "ModelTimeoutException", "slow"), 504, "deadline_exceeded", "unknown"),
            "model_error": fails(failed(424, "ModelErrorException", "oops"), *BROKEN),
            "server_error": fails(failed(500, "InternalServerException", "oops"), *BROKEN),
            "unavailable": fails(failed(503, "ServiceUnavailableException", "oops"), *BROKEN),
            "moderated_1_prompt": fails(filtered("Filter reason: prompt", images=[]), *blocked),
            "moderated_2_input": fails(filtered("Filter reason: input image"), *blocked),
            "moderated_3_output": fails(filtered("Filter reason: output image"), *blocked),
            "inference": fails(filtered("Inference error"), *BROKEN),
            "empty": fails(filtered(None, images=[]), 502, "no_image_returned", "unknown"),
        }  # fmt: skip


TOO_LONG = "The response payload exceeds the maximum of 16777216 bytes."
NOT_ALLOWED = "User: arn:aws:sts::123456789012:assumed-role/r is not authorized to perform it"
NOT_ENABLED = "You don't have access to the model with the specified model ID."
NOT_SUBSCRIBED = "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions"  # noqa: E501
ENDED = "This model version has reached the end of its life. Please refer to the documentation."
LEGACY = "Access denied. This Model is marked by provider as Legacy and you have not been using it."
