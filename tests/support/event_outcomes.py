"""The outcomes of sample events: a status with a code, or the failed records."""

import json


def event_outcome(response):
    """Return the outcome of a response or of the error report of a failed invocation."""
    if "errorType" in response:
        return "failed", response["errorType"]
    if "batchItemFailures" in response:
        return tuple(failure["itemIdentifier"] for failure in response["batchItemFailures"])
    body = json.loads(bytes(response["body"])) if "body" in response else response
    status = response.get("statusCode") or response["retouch"]["status"]
    if "error" in body:
        return status, body["error"]["code"]
    return status, *(item["error"]["code"] for item in body["data"])


def status_and_code(response):
    """Return (status, error code) of a proxy response or of the value of a direct invoke."""
    if "statusCode" not in response:
        return response["retouch"]["status"], response.get("error", {}).get("code")
    if response["statusCode"] < 400:
        return response["statusCode"], None
    return response["statusCode"], json.loads(bytes(response["body"]))["error"]["code"]
