"""The registry of known checks, by id."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.config_reader import ConfigReader
from retouch.gateway.guardrails import image_checks, remote_checks, text_checks
from retouch.gateway.guardrails.types import CheckFunction, HookPhase


@frozen_dataclass
class CheckType:
    """A known check: the phases in which it may run, and the function that reads its parameters."""

    build: Callable[[ConfigReader, HookPhase], CheckFunction]
    phases: tuple[HookPhase, ...]
    is_remote: bool = False


def _before_request_check(build: Callable[[ConfigReader], CheckFunction]) -> CheckType:
    return CheckType(lambda read, _when: build(read), ("before",))


CHECK_TYPES: Mapping[str, CheckType] = {
    "default.characterCount": _before_request_check(text_checks.character_count_check),
    "default.wordCount": _before_request_check(text_checks.word_count_check),
    "default.contains": _before_request_check(text_checks.contains_check),
    "default.regexMatch": _before_request_check(text_checks.regex_match_check),
    "default.requiredMetadataKeys": _before_request_check(text_checks.required_metadata_keys_check),
    "default.metadata": _before_request_check(text_checks.metadata_check),
    "default.webhook": CheckType(remote_checks.webhook_check, ("before", "after"), is_remote=True),
    "bedrock.guard": CheckType(
        lambda read, _when: remote_checks.bedrock_guardrail_check(read), ("before",), True
    ),
    "retouch.image": _before_request_check(image_checks.image_check),
    "retouch.mask": _before_request_check(image_checks.mask_check),
    "retouch.output": CheckType(lambda read, _when: image_checks.output_check(read), ("after",)),
}
