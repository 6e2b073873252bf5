"""Responses to an edit request that state the task in an unusual way. Its result is paid for, so it is fetched."""

import json
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from tests.contract.registry import make_standin
from tests.contract.response_cases import PROVIDERS_BY_NAME, sample_request
from tests.contract.runner import send_request, services_for
from tests.support.images import decode_image

TASK_CASES = ("black-forest-labs", "fireworks-ai", "segmind-text", "stability-ai-later")
ID_NAMES = ("id", "request_id")
URL_NAMES = ("polling_url", "status_url", "response_url")


def change_fields(names, change):
    """Return a change of the fields of these names in a JSON object."""
    return lambda document: {
        name: change(value) if name in names else value for name, value in document.items()
    }


def rename_ids(new_name):
    return lambda document: {
        new_name if name in ID_NAMES else name: value for name, value in document.items()
    }


def drop_urls(*names):
    return lambda document: {
        name: value for name, value in document.items() if name not in (names or URL_NAMES)
    }


def relative(url):
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


CHANGES = {
    "task_id": rename_ids("task_id"),
    "requestId": rename_ids("requestId"),
    "id with spaces": change_fields(ID_NAMES, lambda value: f" {value}\n"),
    "no URL": drop_urls(),
    "no status URL": drop_urls("status_url"),
    "no response URL": drop_urls("response_url"),
    "null as URL": change_fields(URL_NAMES, lambda _: None),
    "empty URL": change_fields(URL_NAMES, lambda _: ""),
    "relative URL": change_fields(URL_NAMES, relative),
    "URL without a scheme": change_fields(URL_NAMES, lambda url: url.partition(":")[2]),
    "URL with spaces": change_fields(URL_NAMES, lambda url: f" {url}\n"),
    "URL in a list": change_fields(URL_NAMES, lambda url: [url]),
    "URL at another host": change_fields(URL_NAMES, lambda _: "https://tasks.example/t"),
    "URL that no parser reads": change_fields(URL_NAMES, lambda _: "https://[::1/t"),
    "in an envelope without URL": lambda document: {"data": drop_urls()(document)},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("case", TASK_CASES)
def test_result_of_a_task_that_is_stated_unusually_is_fetched(case, change):
    request = sample_request(case)
    with make_standin(PROVIDERS_BY_NAME[request.model.partition("/")[0]]) as server:
        respond, first_responses = server.respond, [CHANGES[change]]

        def respond_with_change(received):
            response = respond(received)
            if not first_responses:
                return response
            document = first_responses.pop()(json.loads(response.body))
            return replace(response, body=json.dumps(document).encode())

        server.respond = respond_with_change
        outcome = send_request(request, services=services_for(server))
        assert outcome.error is None, outcome.error
        assert decode_image(outcome.images[0])
        assert outcome.headers["x-retouch-billed"] == "yes"


def test_number_as_task_id_is_polled():
    request = sample_request("fireworks-ai")
    with make_standin(PROVIDERS_BY_NAME["fireworks-ai"]) as server:
        respond = server.respond

        def respond_with_number(received):
            response = respond(received)
            text = response.body.replace(b'"task-0"', b"4711")
            server.tasks["4711"] = server.tasks["task-0"]
            return replace(response, body=text)

        server.respond = respond_with_number
        assert send_request(request, services=services_for(server)).error is None
