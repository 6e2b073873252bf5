"""The context object: the second argument of every handler."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

import orjson


class LambdaContext:
    """Lambda's description of the current invocation."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        environ = os.environ
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id", "")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.client_context = _parse_json(headers.get("lambda-runtime-client-context"))
        self.identity = _parse_json(headers.get("lambda-runtime-cognito-identity"))
        self._deadline = int(headers.get("lambda-runtime-deadline-ms", 0))

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends this process, never negative."""
        return max(0, self._deadline - int(time.time() * 1000))


def _parse_json(text: str | None) -> object:
    """Parse JSON. Only the mobile SDKs send it."""
    return orjson.loads(text) if text else None
