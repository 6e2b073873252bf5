"""Provider responses with one replaced value.

A replaced value of secondary data loses no image, and no failure is reported as success. Each test replaces one JSON
value of one response at a time. All other responses of the conversation stay valid.
"""

import json
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from retouch.core.provider_protocol import ProviderResponse
from retouch.gateway.provider_call.error_mapping import fault_from_response, parsed_error
from retouch.planning.connection import provider_target
from tests.contract.registry import PAID_PROVIDERS, make_standin, parameter_id, provider_failures
from tests.contract.response_cases import CASES, PROVIDERS_BY_NAME, sample_request
from tests.contract.runner import send_request, services_for
from tests.support.images import b64, decode_image
from tests.support.upstream import json_response

LONG_TEXT = b64(
    b"<html>We are sorry, but something went wrong.</html>" * 9
)  # a long text that is also valid base64
REPLACEMENT_VALUES: tuple[Any, ...] = (None, "", 0, [], {}, ["x", None, 3], LONG_TEXT)
# Fields that hold images, and fields that lead to them or say whether there are any. All others are secondary.
IMAGE_NAMES = {"b64_json", "images", "image", "data", "sample", "output"}
REQUIRED_NAMES = {
    "content",
    "finish_reason",
    "id",
    "polling_url",
    "request_id",
    "response_url",
    "result",
    "status",
    "status_url",
    "type",
}


class MutatedResponses:
    """The responses of a stand-in as JSON documents. At most one value of one response is replaced."""

    def __init__(self, server):
        self.original_respond, server.respond = server.respond, self.mutated_response
        self.documents = []  # the documents of the conversation so far
        self.response_numbers, self.change = count(), None

    def restart(self, change=None):
        """Start a new conversation. A change is (index of the response, path, value)."""
        self.documents, self.response_numbers, self.change = [], count(), change

    def mutated_response(self, received):
        response = self.original_respond(received)
        document = response_document(response)
        self.documents.append(document)
        number, path, value = self.change or (None, (), None)
        return (
            response
            if next(self.response_numbers) != number
            else response_with_document(with_value(document, path, value), response)
        )


def response_document(response):
    """Return the JSON of a response, a list of JSON for SSE events, or None for a file."""
    if response.chunks is not None:
        return [json.loads(chunk.partition(b"data: ")[2]) for chunk in response.chunks]
    return json.loads(response.body) if "json" in response.headers["content-type"] else None


def response_with_document(document, response):
    if response.chunks is not None:
        response.chunks = [b"data: %b\n\n" % json.dumps(event).encode() for event in document]
        return response
    return json_response(document, response.status)


def all_paths(value, path=()):
    """Yield the path of every value, including objects and lists."""
    yield path
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, child in children:
        yield from all_paths(child, (*path, name))


def with_value(document, path, value):
    """Return a copy with the value at `path` replaced."""
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = with_value(copy[path[0]], path[1:], value)
    return copy


def value_at(document, path):
    for name in path:
        document = document[name]
    return document


def last_name(path):
    return next((name for name in reversed(path) if isinstance(name, str)), "")


def can_lose_image(document, path):
    """Return whether a change at the path may lose the image."""
    leaf_paths = [
        p for p in all_paths(document) if not isinstance(value_at(document, p), dict | list)
    ]
    # Interim images of a thinking model and partial images are not results.
    leaf_paths = [p for p in leaf_paths if not is_interim(document, p)]
    changed_leaves = [p for p in leaf_paths if p[: len(path)] == path]
    image_leaves = [p for p in leaf_paths if last_name(p) in IMAGE_NAMES]
    all_images_changed = bool(image_leaves) and all(p in changed_leaves for p in image_leaves)
    return all_images_changed or any(last_name(p) in REQUIRED_NAMES for p in changed_leaves)


def is_interim(document, path):
    containers = [value_at(document, path[:depth]) for depth in range(len(path))]
    objects = [value for value in containers if isinstance(value, dict)]
    return any(value.get("thought") or "partial_image_index" in value for value in objects)


def find_violation(outcome, request, may_fail):
    """Return what is wrong with an outcome, or an empty string."""
    if outcome.error is None:
        image_sizes = [decode_image(data).size for data in outcome.images]
        min_images = 1 if may_fail or request.n > 1 else request.n
        return "" if len(image_sizes) >= min_images else "a success without an image"
    if outcome.error["code"] == "internal_error":
        return "an internal error of the gateway"
    if outcome.headers["x-retouch-billed"] == "no":
        return "the provider responded, but the call is reported as not billed"
    return "" if may_fail else f"the image was lost: {outcome.error}"


def test_mutation_cases_cover_every_paid_provider():
    assert {model.partition("/")[0] for model, _ in CASES.values()} == PROVIDERS_BY_NAME.keys()


@pytest.mark.parametrize("case", CASES)
def test_response_with_one_replaced_value_loses_no_image_and_hides_no_failure(case):
    request = sample_request(case)
    violations = []
    with make_standin(PROVIDERS_BY_NAME[request.model.partition("/")[0]]) as server:
        responses = MutatedResponses(server)
        outcome = send_request(request, services=services_for(server))
        assert outcome.error is None
        documents = responses.documents
        assert any(document is not None for document in documents)
        changes = [(k, p) for k, d in enumerate(documents) if d is not None for p in all_paths(d)]
        for number, path in changes:
            for value in REPLACEMENT_VALUES:
                if is_stream_case(case) and not path:
                    continue
                responses.restart((number, path, value))
                outcome = send_request(request, services=services_for(server))
                violation = find_violation(
                    outcome, request, can_lose_image(documents[number], path)
                )
                if violation:
                    violations.append((number, path, value, violation))
    assert violations == []


def is_stream_case(case):
    """Return whether the case is a stream. A stream is a list of events, so it cannot be replaced as a whole."""
    return case.endswith("-stream")


# Fields that classify an error. All other fields of an error may have any value.
ERROR_FIELDS = {
    "code",
    "detail",
    "details",
    "error",
    "error_message",
    "errors",
    "fault",
    "faultstring",
    "innererror",
    "inner_error",
    "message",
    "msg",
    "name",
    "quotaId",
    "reason",
    "status",
    "type",
    "violations",
}
REFUSAL_CASES = [
    (provider, name, failure.responses[0])
    for provider in PAID_PROVIDERS
    for name, failure in provider_failures(provider).items()
    if failure.responses[0].status >= 400
    and "json" in failure.responses[0].headers.get("content-type", "")
]


@pytest.mark.parametrize(("provider", "name", "scripted"), REFUSAL_CASES, ids=parameter_id)
def test_error_with_one_replaced_value_becomes_typed_fault(provider, name, scripted):
    resolved = replace(provider_target(provider), key="k", is_client_key=True)
    document = json.loads(scripted.body)
    original_error = parsed_error(provider, provider_response(scripted, document))
    for path in all_paths(document):
        for value in REPLACEMENT_VALUES:
            response = provider_response(scripted, with_value(document, path, value))
            fault_result = fault_from_response(resolved, response)
            assert fault_result.status >= 400, (path, value)
            assert str(fault_result), (path, value)
            assert {type(fault_result.code), type(fault_result.param)} <= {str, type(None)}, (
                path,
                value,
            )
            if last_name(path) not in ERROR_FIELDS and path:
                assert parsed_error(provider, response).kind == original_error.kind, (path, value)


def provider_response(scripted, document):
    return ProviderResponse(scripted.status, scripted.headers, json.dumps(document).encode())
