"""A response whose end is missing, and whose content is whole, is delivered. The content decides, not the framing."""

import gzip
import json

import pytest

from tests.contract.registry import make_standin
from tests.contract.response_cases import CASES, PROVIDERS_BY_NAME, sample_request
from tests.contract.runner import send_request, services_for
from tests.support.images import b64, decode_image, photo

WHOLE_CASES = [case for case in CASES if case != "openai-stream"]


def head(response, **headers):
    lines = {**response.headers, **{name.replace("_", "-"): v for name, v in headers.items()}}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {response.status} OK\r\n{text}\r\n".encode()


def too_long_length(response):
    return head(response, content_length=len(response.body) + 100) + response.body


def missing_last_chunk(response):
    chunk = b"%x\r\n%b\r\n" % (len(response.body), response.body)
    return head(response, transfer_encoding="chunked") + chunk


def invalid_last_chunk(response):
    return missing_last_chunk(response) + b"oops\r\n\r\n"


def gzip_without_trailer(response):
    data = gzip.compress(response.body)[:-8]
    return head(response, content_encoding="gzip", content_length=len(data)) + data


def gzip_with_length_of_the_plain_body(response):
    data = gzip.compress(response.body)
    return head(response, content_encoding="gzip", content_length=len(data) + 5000) + data


def half(response):
    return (
        head(response, content_length=len(response.body))
        + response.body[: -len(response.body) // 2]
    )


FRAMINGS = (
    too_long_length,
    missing_last_chunk,
    invalid_last_chunk,
    gzip_without_trailer,
    gzip_with_length_of_the_plain_body,
)


class FramedResponses:
    """The responses of a stand-in and of its result host as exact bytes. Each connection ends after its response."""

    def __init__(self, server, framing):
        for one in (server, server.result_host):
            one.write_response = self.writer(one, framing)

    @staticmethod
    def writer(server, framing):
        write = type(server).write_response

        def write_framed(handler, response):
            if response.network_failure:
                return write(server, handler, response)
            handler.wfile.write(framing(response))
            handler.close_connection = True
            return None

        return write_framed


def run_case(case, framing):
    request = sample_request(case)
    with make_standin(PROVIDERS_BY_NAME[request.model.partition("/")[0]]) as server:
        FramedResponses(server, framing)
        outcome = send_request(request, services=services_for(server))
        return outcome, request, len(server.calls)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("case", WHOLE_CASES)
def test_whole_content_without_its_end_is_delivered(case, framing):
    outcome, request, _ = run_case(case, framing)
    assert outcome.error is None
    assert len(outcome.images) == request.n
    assert all(decode_image(image) for image in outcome.images)
    assert outcome.headers["x-retouch-billed"] == "yes"


@pytest.mark.parametrize("case", ["openai", "google", "bedrock", "stability-ai", "segmind-other"])
def test_half_of_a_paid_response_is_an_error_that_is_never_called_unbilled(case):
    outcome, _, paid_calls = run_case(case, half)
    assert outcome.images == ()
    assert outcome.error["message"].endswith("response ended early.")
    # A usage that has arrived proves that the image was billed.
    assert outcome.headers["x-retouch-billed"] == ("yes" if case == "openai" else "unknown")
    assert paid_calls == 1


@pytest.mark.parametrize("end", [b'"content"', b'"finishR', b'"parts": ['])
@pytest.mark.parametrize("case", ["google", "vertex-ai"])
def test_response_that_ends_before_the_image_is_no_refusal(case, end):
    def cut_before_the_image(response):
        body = response.body[: response.body.index(end) + len(end)]
        return head(response, content_length=len(response.body)) + body

    outcome, _, paid_calls = run_case(case, cut_before_the_image)
    assert (outcome.status, outcome.error["code"], paid_calls) == (502, "provider_error", 1)
    assert outcome.error["message"].endswith("response ended early.")
    assert outcome.headers["x-retouch-billed"] == "unknown"


def test_number_that_is_cut_off_is_no_usage():
    def cut_in_the_total(response):
        body = response.body[: response.body.index(b'"totalTokenCount": ') + 21]
        return head(response, content_length=len(response.body)) + body

    outcome, _, _ = run_case("google", cut_in_the_total)
    assert decode_image(outcome.images[0])
    assert outcome.body["usage"]["total_tokens"] == 2430


def test_image_before_the_cut_is_delivered_with_a_note_about_the_rest():
    def cut_in_the_last_image(response):
        body = response.body[: response.body.rindex(b'"b64_json"') + 200]
        return head(response, content_length=len(response.body)) + body

    outcome, request, paid_calls = run_case("openai", cut_in_the_last_image)
    assert (request.n, len(outcome.images), paid_calls) == (2, 1, 1)
    assert decode_image(outcome.images[0])
    assert "n: 1 of 2 images, the rest failed: OpenAI's response ended early." in outcome.notes


def gzip_of_other_data(sent, checked):
    """Return the chunks of `sent`, and with the checksum and the length of `checked` at its end."""
    data, trailer = gzip.compress(sent)[:-8], gzip.compress(checked)[-8:]
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (data, trailer, b""))


def run_damaged_case(image, damage):
    """Run an edit whose result is the image, in compressed data with an error."""

    def respond(response):
        document = json.loads(response.body)
        document["data"][0]["b64_json"] = b64(image)
        body = json.dumps(document).encode()
        chunks = gzip_of_other_data(damage(body), body)
        return head(response, content_encoding="gzip", transfer_encoding="chunked") + chunks

    return run_case("azure-openai", respond)


def replace_image_character(body):
    position = body.index(b'"b64_json"') + 300
    character = b"B" if body[position : position + 1] == b"A" else b"A"
    return body[:position] + character + body[position + 1 :]


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_damaged_image_in_compressed_data_with_an_error_is_not_delivered_as_whole(format):
    outcome, _, paid_calls = run_damaged_case(photo(96, 96, format), replace_image_character)
    assert (outcome.images, paid_calls) == ((), 1)
    assert outcome.error["message"].endswith("the compressed data is damaged.")
    assert outcome.headers["x-retouch-billed"] in ("yes", "unknown")


def test_image_whose_own_checksums_are_right_is_delivered_from_compressed_data_with_an_error():
    image = photo(96, 96)
    outcome, _, _ = run_damaged_case(image, lambda body: body.replace(b"created", b"creates"))
    assert outcome.images == (image,)


def test_result_file_in_compressed_data_with_an_error_is_fetched_again():
    image = photo(96, 96, "JPEG")
    damaged = image[:-100] + bytes(reversed(image[-100:-2])) + image[-2:]
    files = [damaged, image]

    def respond(response):
        if response.body[:1] in (b"{", b"["):
            return head(response) + response.body
        chunks = gzip_of_other_data(files.pop(0), image)
        return head(response, content_encoding="gzip", transfer_encoding="chunked") + chunks

    outcome, _, paid_calls = run_case("black-forest-labs", respond)
    assert (outcome.images, files, paid_calls) == ((image,), [], 1)


def test_streamed_image_whose_event_has_no_end_is_delivered():
    def without_last_line_ends(response):
        if response.chunks is None:
            return head(response) + response.body
        events = b"".join(response.chunks).rstrip()
        return head(response, transfer_encoding="chunked") + b"%x\r\n%b" % (len(events) + 9, events)

    outcome, _, _ = run_case("openai-stream", without_last_line_ends)
    assert outcome.error is None
    assert decode_image(outcome.images[-1])


def test_words_of_an_error_that_ends_early_are_kept():
    def refuse(response):
        body = json.dumps({"error": {"message": "the size is wrong"}}).encode()
        return b"HTTP/1.1 400 Bad Request\r\ncontent-length: 999\r\n\r\n" + body

    outcome, _, _ = run_case("openai", refuse)
    assert outcome.error["message"] == "the size is wrong"
    assert outcome.headers["x-retouch-billed"] == "no"
