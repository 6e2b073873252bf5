"""The image of a paid response arrives although the response has another form than the provider documents."""

import json
from dataclasses import replace

import pytest

from tests.contract.changed_responses import IMAGE_STARTS, ChangedResponses, is_json
from tests.contract.registry import make_standin
from tests.contract.response_cases import CASES, PROVIDERS_BY_NAME, sample_request
from tests.contract.runner import send_request, services_for
from tests.support.images import b64, decode_image, photo

# The providers whose response holds the image itself, and the variants of its form.
WHOLE_CASES = [
    case for case in CASES if case not in ("openai-stream", "reka-ai") and "-later" not in case
]
IMAGE = photo(128, 96)


def is_result(document):
    """Return whether a document is the one with the result: it contains an image or its URL."""
    return any(
        text.startswith(IMAGE_STARTS) or "/result" in text or ".png" in text
        for text in all_texts(document)
        if "get_result" not in text
    )


def all_texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from all_texts(child)


def change_document(change):
    """Return a change of the JSON document with the result."""

    def change_response(response):
        document = json.loads(response.body) if is_json(response) else None
        if document is None or not is_result(document):
            return response
        return replace(response, body=json.dumps(change(document)).encode())

    return change_response


def lists_to_items(value):
    """Return the value with the item in place of each list of one item."""
    if isinstance(value, dict):
        return {name: lists_to_items(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return lists_to_items(value[0]) if len(value) == 1 else list(map(lists_to_items, value))
    return value


def items_to_lists(value, inside=False):
    """Return the value with a list in place of each image and each URL."""
    if isinstance(value, dict):
        return {name: items_to_lists(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [items_to_lists(inner, inside=True) for inner in value]
    is_text = isinstance(value, str) and (value.startswith(IMAGE_STARTS) or "://" in value)
    return [value] if is_text and not inside else value


def add_empty_neighbours(value):
    """Return the value with empty values beside each image."""
    if isinstance(value, list):
        return [add_empty_neighbours(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    empty = {name: "" for name in ("url", "b64_json", "image", "base64", "sample", "data")}
    has_image = any(isinstance(v, str) and v.startswith(IMAGE_STARTS) for v in value.values())
    changed = {name: add_empty_neighbours(inner) for name, inner in value.items()}
    return {**empty, **changed} if has_image else changed


ENVELOPES = {
    "object instead of list": lists_to_items,
    "list instead of text": items_to_lists,
    "one level deeper": lambda document: {"result": document},
    "two levels deeper": lambda document: {"response": {"body": document}},
    "in a list": lambda document: [document],
    "empty values beside it": add_empty_neighbours,
}


def run_case(case, change, n=None):
    request = sample_request(case)
    request = replace(request, n=n or request.n)
    with make_standin(PROVIDERS_BY_NAME[request.model.partition("/")[0]]) as server:
        ChangedResponses(server, change)
        outcome = send_request(request, services=services_for(server))
        return outcome, request


def assert_delivered(outcome, request):
    assert outcome.error is None, outcome.error
    assert len(outcome.images) == request.n
    assert all(decode_image(image) for image in outcome.images)
    assert outcome.headers["x-retouch-billed"] == "yes"


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("case", WHOLE_CASES)
def test_image_in_another_envelope_is_delivered(case, envelope):
    # Two items of a list cannot become one item.
    outcome, request = run_case(case, change_document(ENVELOPES[envelope]), n=1)
    assert_delivered(outcome, request)


@pytest.mark.parametrize("case", WHOLE_CASES)
def test_image_beside_deeply_nested_json_is_delivered(case):
    def nest_deeply(response):
        if not is_json(response) or not any(
            text.startswith(IMAGE_STARTS) for text in all_texts(json.loads(response.body))
        ):
            return response
        nested = b"[" * 5000 + b"]" * 5000
        return replace(response, body=response.body.rstrip()[:-1] + b', "x": %b}' % nested)

    assert_delivered(*run_case(case, nest_deeply))


@pytest.mark.parametrize("case", ["openai", "google", "bedrock", "stability-ai"])
@pytest.mark.parametrize("content_type", ["image/png", "IMAGE/PNG", "application/octet-stream"])
def test_image_file_instead_of_json_is_delivered(case, content_type):
    def to_image_file(response):
        is_final = is_json(response) and is_result(json.loads(response.body))
        headers = {"content-type": content_type}
        return replace(response, headers=headers, body=IMAGE) if is_final else response

    assert_delivered(*run_case(case, to_image_file, n=1))


@pytest.mark.parametrize("case", ["openai", "google", "bedrock", "stability-ai"])
def test_image_in_a_multipart_response_is_delivered(case):
    def to_multipart(response):
        body = (
            b'--x\r\nContent-Type: application/json\r\n\r\n{"seed": 1}\r\n'
            b"--x\r\nContent-Type: image/png\r\n\r\n" + IMAGE + b"\r\n--x--\r\n"
        )
        headers = {"content-type": "Multipart/Mixed; boundary=x"}
        return replace(response, headers=headers, body=body) if is_json(response) else response

    assert_delivered(*run_case(case, to_multipart, n=1))


@pytest.mark.parametrize("case", ["openai", "google", "bedrock", "stability-ai"])
def test_echo_of_the_request_image_is_not_delivered_as_result(case):
    request = sample_request(case)

    def echo_request(response):
        echo = "data:image/png;base64," + b64(request.images[0])
        return replace(response, body=json.dumps({"request": {"image": echo}}).encode())

    outcome, _ = run_case(case, echo_request, n=1)
    assert outcome.error is not None
    assert outcome.headers["x-retouch-billed"] == "unknown"
