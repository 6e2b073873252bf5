"""The AWS Bedrock runtime with the Stability services, from botocore's model and the AWS documentation.

It accepts both kinds of authentication: an API key and Signature Version 4.
"""

import base64
import binascii
import hashlib
import hmac
import re
from typing import ClassVar
from urllib.parse import quote, unquote

from tests.contract.standin import ParsedRequest, StandIn, with_expected_calls
from tests.contract.standins._stability import (
    CREDENTIALS_ERROR,
    IMAGE_FIELDS,
    MASKED_OPERATIONS,
    MAX_PIXELS,
    PROVIDER_ERROR,
    RATE_LIMIT_ERROR,
    BadRequest,
    check_image,
    check_request,
    expected_failure,
    float_between,
    int_between,
    paint_result,
    server_failures,
)
from tests.support.images import b64
from tests.support.upstream import json_response

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
NUMERIC_FIELDS = {
    "seed",
    "grow_mask",
    "creativity",
    "strength",
    "fidelity",
    "left",
    "right",
    "up",
    "down",
}
MAX_REQUEST_BYTES = 25_000_000
MAX_RESPONSE_BYTES = 16_777_216
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI+EXAMPLEKEY"


def has_valid_signature(received, secret=SECRET_KEY):
    """Return whether the Signature Version 4 of the request is valid.

    The rules are those for services other than S3: the path of the request is encoded once more.
    """
    match = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(([0-9]{8})/([^/]+)/([^/]+)/aws4_request), "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        received.headers.get("authorization", ""),
    )
    if not match:
        return False
    _, scope, day, region, service, names, signature = match.groups()
    signable_headers = {
        n for n in received.headers if n in ("host", "content-type") or n.startswith("x-amz-")
    }
    if "x-amz-date" not in signable_headers or not signable_headers <= set(names.split(";")):
        return False
    headers = "".join(f"{name}:{received.headers[name]}\n" for name in names.split(";"))
    body = hashlib.sha256(received.body).hexdigest()
    path = quote(received.path, safe="/~")
    canonical_request = "\n".join((received.method, path, "", headers, names, body))
    string_to_sign_head = ("AWS4-HMAC-SHA256", received.headers["x-amz-date"], scope)
    string_to_sign = "\n".join(
        (*string_to_sign_head, hashlib.sha256(canonical_request.encode()).hexdigest())
    )
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, string_to_sign.encode(), "sha256").hex() == signature


def error_response(status, kind, message):
    headers = {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    return json_response({"message": message}, status, **headers)


def filtered_response(reason, **more):
    return json_response({"seeds": [41], "finish_reasons": [reason], **more})


class BedrockStandIn(StandIn):
    slug = "bedrock"
    # Where Bedrock differs from Stability's own API. None: the field is not accepted.
    rule_overrides: ClassVar = {
        "inpaint": {"grow_mask": int_between(0, 20)},
        "outpaint": {"creativity": float_between(0.1, 1)},
        "image-to-image": {"style_preset": None, "cfg_scale": None, "model": None},
        "control-style": {"style_preset": None},
    }

    def env(self):
        return {"BEDROCK_API_KEY": self.key, "BEDROCK_BASE_URL": self.url}

    def respond(self, received):
        if received.headers.get(
            "authorization"
        ) != f"Bearer {self.key}" and not has_valid_signature(received):
            return error_response(
                403, "AccessDeniedException", "Please make sure your API Key is valid."
            )
        if len(received.body) > MAX_REQUEST_BYTES:
            return error_response(413, "ValidationException", "the body is too long")
        match = re.fullmatch(r"/model/([A-Za-z0-9.%-]+)/invoke", received.path)
        operation = MODELS.get(unquote(match[1])) if match else None
        if operation is None:
            return error_response(
                404, "ResourceNotFoundException", "Could not resolve the foundation model"
            )
        try:
            response = self.run_operation(operation, received)
        except (BadRequest, OSError, binascii.Error) as error:
            return error_response(400, "ValidationException", str(error))
        too_long = len(response.body) > MAX_RESPONSE_BYTES
        return (
            error_response(400, "ValidationException", TOO_LONG_MESSAGE) if too_long else response
        )

    def run_operation(self, operation, received):
        if received.headers.get("content-type") != "application/json":
            raise BadRequest("Content-Type must be application/json")
        fields, files = self.parse_body(operation, received)
        for name, rule in self.rule_overrides.get(operation, {}).items():
            if name in fields and (rule is None or not rule(fields[name])):
                raise BadRequest(f"{name}: {fields[name]!r}")
        if text_fields := [
            name for name in NUMERIC_FIELDS & fields.keys() if isinstance(fields[name], str)
        ]:
            raise BadRequest(f"{text_fields}: not a number")
        check_request(operation, fields, files)
        for name, data in files.items():
            if name != "mask":
                check_image(data, MAX_PIXELS, 2.5)
        seed = fields.get("seed", 41)
        result = b64(paint_result(operation, fields, files))
        return json_response({"seeds": [seed], "finish_reasons": [None], "images": [result]})

    def parse_body(self, operation, received):
        fields = received.json()
        file_fields = {
            *IMAGE_FIELDS.get(operation, ("image",)),
            *(("mask",) if operation in MASKED_OPERATIONS else ()),
        }
        sent_files = file_fields & fields.keys()
        return fields, {
            name: base64.b64decode(fields.pop(name), validate=True) for name in sent_files
        }

    def parse_request(self, received):
        operation = MODELS[unquote(received.path.split("/")[2])]
        fields, files = self.parse_body(operation, received)
        image_fields = IMAGE_FIELDS.get(operation, ("image",))
        return ParsedRequest(
            [files[n] for n in image_fields if n in files], files.get("mask"), fields
        )

    def failures(self):
        throttled = error_response(429, "ThrottlingException", "Too many requests, please wait.")
        throttled_with_hint = error_response(
            429, "ThrottlingException", "Too many requests, please wait."
        )
        throttled_with_hint.headers["retry-after"] = "30"
        model_not_found = (404, "model_not_found")
        moderation_error = (400, "moderation_blocked", "unknown")
        return {
            **server_failures(),
            "bad_key": expected_failure(
                json_response({"Message": f"Authentication failed: {self.key}"}, 403),
                *CREDENTIALS_ERROR,
            ),
            "bad_signature": expected_failure(
                error_response(403, "InvalidSignatureException", "expired"), *CREDENTIALS_ERROR
            ),
            "forbidden": expected_failure(
                error_response(403, "AccessDeniedException", NOT_ALLOWED_MESSAGE),
                *CREDENTIALS_ERROR,
            ),
            "not_enabled": expected_failure(
                error_response(403, "AccessDeniedException", NOT_ENABLED_MESSAGE), *model_not_found
            ),
            "not_subscribed": expected_failure(
                error_response(403, "AccessDeniedException", NOT_SUBSCRIBED_MESSAGE),
                *model_not_found,
            ),
            "retired": expected_failure(
                error_response(404, "ResourceNotFoundException", END_OF_LIFE_MESSAGE),
                *model_not_found,
            ),
            "retired_unused": expected_failure(
                error_response(404, "ResourceNotFoundException", LEGACY_MESSAGE), *model_not_found
            ),
            "validation": expected_failure(
                error_response(400, "ValidationException", "bad"), 400, "provider_refused"
            ),
            "too_long": expected_failure(
                error_response(400, "ValidationException", TOO_LONG_MESSAGE),
                400,
                "provider_refused",
                "unknown",
            ),
            "quota": expected_failure(
                error_response(400, "ServiceQuotaExceededException", "used up"),
                429,
                "insufficient_quota",
            ),
            "rate_limited": expected_failure(throttled, *RATE_LIMIT_ERROR),
            "rate_limited_with_hint": expected_failure(throttled_with_hint, *RATE_LIMIT_ERROR),
            "not_ready": with_expected_calls(
                expected_failure(
                    error_response(429, "ModelNotReadyException", "warming"),
                    502,
                    "provider_overloaded",
                )
            ),
            "model_timeout": expected_failure(
                error_response(408, "ModelTimeoutException", "slow"),
                504,
                "deadline_exceeded",
                "unknown",
            ),
            "model_error": expected_failure(
                error_response(424, "ModelErrorException", "oops"), *PROVIDER_ERROR
            ),
            "server_error": expected_failure(
                error_response(500, "InternalServerException", "oops"), *PROVIDER_ERROR
            ),
            "unavailable": expected_failure(
                error_response(503, "ServiceUnavailableException", "oops"), *PROVIDER_ERROR
            ),
            "moderated_1_prompt": expected_failure(
                filtered_response("Filter reason: prompt", images=[]), *moderation_error
            ),
            "moderated_2_input": expected_failure(
                filtered_response("Filter reason: input image"), *moderation_error
            ),
            "moderated_3_output": expected_failure(
                filtered_response("Filter reason: output image"), *moderation_error
            ),
            "inference": expected_failure(filtered_response("Inference error"), *PROVIDER_ERROR),
            "empty": expected_failure(
                filtered_response(None, images=[]), 502, "no_image_returned", "unknown"
            ),
        }


TOO_LONG_MESSAGE = "The response payload exceeds the maximum of 16777216 bytes."
NOT_ALLOWED_MESSAGE = (
    "User: arn:aws:sts::123456789012:assumed-role/r is not authorized to perform it"
)
NOT_ENABLED_MESSAGE = "You don't have access to the model with the specified model ID."
NOT_SUBSCRIBED_MESSAGE = "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions"  # noqa: E501
END_OF_LIFE_MESSAGE = (
    "This model version has reached the end of its life. Please refer to the documentation."
)
LEGACY_MESSAGE = (
    "Access denied. This Model is marked by provider as Legacy and you have not been using it."
)
