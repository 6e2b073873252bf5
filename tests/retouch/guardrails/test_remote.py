"""What is sent out and what is made of the answers; the sockets are in edges/."""

import orjson
import pytest

from retouch.guardrails import Seen, Subject
from retouch.guardrails.signature import signing_key
from retouch.messages import Text
from retouch.routing.problems import InvalidConfig

URL = "https://hooks.example.com/judge?a=b"
SECRET = "whsec_" + "QUJD" * 8
SUBJECT = Subject(
    "Make the sky blue",
    words=("no clouds",),
    images=(Seen("png", 64, 48),),
    mask_coverage=0.25,
    metadata={"_user": "ann"},
    params={"size": Text("64x48"), "seed": 7, "image_url": "data:" + "A" * 2000, "x": [1]},
    outputs=(Seen("webp", 32, 24, False),),
)


def asked(ask, elsewhere, parameters, **options):
    check = ask("webhook", {"webhookURL": URL, **parameters}, SUBJECT, **options)
    return check, elsewhere.letters[-1]


def test_a_letter_describes_the_request_in_portkeys_form(ask, elsewhere):
    _, letter = asked(ask, elsewhere, {})
    assert (letter.url, letter.seconds, letter.key, dict(letter.headers)) == (URL, 3.0, b"", {})
    assert orjson.loads(letter.body) == {
        "eventType": "beforeRequestHook",
        "requestType": "imageEdit",
        "request": {
            "json": {"size": "64x48", "seed": 7, "prompt": "Make the sky blue"},
            "text": "Make the sky blue\nno clouds",
            "images": [{"format": "png", "width": 64, "height": 48}],
            "maskCoverage": 0.25,
        },
        "response": {
            "json": {},
            "text": "",
            "statusCode": None,
            "images": [{"format": "webp", "width": 32, "height": 24}],
        },
        "metadata": {"_user": "ann"},
    }


def test_a_letter_about_results_says_so(ask, elsewhere):
    _, letter = asked(ask, elsewhere, {}, where="output_guardrails")
    body = orjson.loads(letter.body)
    assert (body["eventType"], body["response"]["statusCode"]) == ("afterRequestHook", 200)


def test_parameters_of_a_webhook(ask, elsewhere):
    headers = {"Authorization": "Bearer t", "content-type": "application/json"}
    parameters = {"timeout": 10_000, "secret": SECRET, "headers": headers}
    _, letter = asked(ask, elsewhere, parameters)
    assert (letter.seconds, letter.key) == (10.0, signing_key(SECRET))
    assert letter.headers == {"Authorization": "Bearer t"}
    assert SECRET not in repr(letter)
    assert "Bearer" not in repr(letter)


def test_headers_may_be_json_text_as_portkeys_form_keeps_them(ask, elsewhere):
    _, letter = asked(ask, elsewhere, {"headers": '{"X-Team": "web"}'})
    assert letter.headers == {"X-Team": "web"}


@pytest.mark.parametrize(
    ("answer", "verdict", "data"),
    [
        (b'{"verdict": true}', True, None),
        (b'{"verdict": false, "data": {"why": "no"}}', False, {"why": "no"}),
        (b'{"verdict": true, "data": [1], "other": 1, "transformedData": null}', True, [1]),
    ],
)
def test_verdicts(ask, elsewhere, answer, verdict, data):
    elsewhere.webhook = answer
    check, _ = asked(ask, elsewhere, {})
    assert (check["verdict"], check["error"]) == (verdict, None)
    assert check["data"]["responseData"] == data


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "did not answer with JSON"),
        (b"<html>", "did not answer with JSON"),
        (b"[" * 60_000, "did not answer with JSON"),
        (b"\xff\xfe", "did not answer with JSON"),
        (b"[true]", "did not answer with {"),
        (b"{}", "did not answer with {"),
        (b'{"verdict": "true"}', "did not answer with {"),
        (b'{"verdict": 1}', "did not answer with {"),
        (b'{"verdict": null}', "did not answer with {"),
        (b'{"verdict": true, "transformedData": {"request": {}}}', "wants to change the request"),
        (b'{"verdict": true, "data": "' + b"x" * 4_095 + b'"}', "data are larger than 4096"),
    ],
)
def test_an_answer_that_is_none_fails(ask, elsewhere, answer, said):
    elsewhere.webhook = answer
    check, _ = asked(ask, elsewhere, {})
    assert check["verdict"] is False
    assert said in check["error"]["message"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"webhookURL": ""}, "webhookURL cannot be used"),
        ({"webhookURL": "ftp://a.example/"}, "webhookURL cannot be used"),
        ({"webhookURL": "https://user:pw@a.example/"}, "webhookURL cannot be used"),
        ({"timeout": 10_001}, "timeout must be from 100 to 10000"),
        ({"timeout": 99}, "timeout must be from 100 to 10000"),
        ({"secret": "hunter2"}, "secret must be whsec_ and 24 to 64"),
        ({"secret": "whsec_" + "QUJD" * 7}, "secret must be whsec_ and 24 to 64"),
        ({"headers": "{"}, "headers must be an object, or JSON of one"),
        ({"headers": "[]x"}, "headers must be an object, or JSON of one"),
        ({"headers": ["a"]}, "headers must be an object of at most 20"),
        (
            {"headers": {f"x-{n}": "a" for n in range(21)}},
            "headers must be an object of at most 20",
        ),
        ({"headers": {"Host": "a"}}, "headers must not set 'Host'"),
        ({"headers": {"webhook-signature": "v1,x"}}, "headers must not set 'webhook-signature'"),
        ({"headers": {"Transfer-Encoding": "a"}}, "headers must not set"),
        ({"headers": {"a b": "a"}}, "headers must not set"),
        ({"headers": {"": "a"}}, "headers must not set"),
        ({"headers": {"a": "b\r\nc: d"}}, "printable ASCII"),
        ({"headers": {"a": 1}}, "printable ASCII"),
        ({"headers": {"a": "é"}}, "printable ASCII"),
        ({"retries": 3}, "retries is not known"),
    ],
)
def test_parameters_of_a_webhook_that_are_refused(ask, parameters, said):
    with pytest.raises(InvalidConfig) as refused:
        ask("webhook", {"webhookURL": URL, **parameters})
    assert said in str(refused.value)


def test_a_refused_secret_is_not_repeated(ask):
    with pytest.raises(InvalidConfig) as refused:
        ask("webhook", {"webhookURL": URL, "secret": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_bedrock_is_asked_about_the_text(ask, elsewhere):
    arn = "arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc1"
    parameters = {"guardrailId": arn, "guardrailVersion": "3", "region": "eu-west-1"}
    assert ask("bedrock.guard", parameters, SUBJECT)["verdict"] is True
    (review,) = elsewhere.reviews
    assert (review.guardrail, review.version, review.region) == (arn, "3", "eu-west-1")
    assert review.text == "Make the sky blue\nno clouds"


def test_bedrock_reads_plain_characters(ask, elsewhere):
    ask("bedrock.guard", {"guardrailId": "abc1"}, Subject("Ａ pass\u200bport for Zoë"))
    assert elsewhere.reviews[0].text == "A passport for Zoë"


def test_bedrocks_objection_names_the_policies_and_no_match(ask, elsewhere):
    found = {"piiEntities": [{"match": "Ann Other", "type": "NAME", "action": "BLOCKED"}]}
    elsewhere.bedrock = {
        "action": "GUARDRAIL_INTERVENED",
        "assessments": [{"sensitiveInformationPolicy": found, "invocationMetrics": {}}],
    }
    check = ask("bedrock.guard", {"guardrailId": "abc1"}, SUBJECT)
    assert (check["verdict"], check["data"]["policies"]) == (False, ["sensitiveInformationPolicy"])
    assert "Ann" not in str(check)
    assert (elsewhere.reviews[0].version, elsewhere.reviews[0].region) == ("DRAFT", "")


@pytest.mark.parametrize("answer", [{}, {"action": "SOMETHING_NEW"}])
def test_only_none_is_a_yes_of_bedrocks(ask, elsewhere, answer):
    elsewhere.bedrock = answer
    check = ask("bedrock.guard", {"guardrailId": "abc1"})
    assert check["verdict"] is False
    assert "neither a yes nor a no" in check["error"]["message"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "guardrailId is not written as AWS writes it, or is missing"),
        ({"guardrailId": "../x"}, "guardrailId is not written"),
        ({"guardrailId": "abc", "guardrailVersion": "0"}, "guardrailVersion is not written"),
        ({"guardrailId": "abc", "region": "x.evil.example/"}, "region is not written"),
        ({"guardrailId": "abc", "accessKeyId": "AKIA"}, "accessKeyId is not known"),
        ({"guardrailId": "abc", "credentials": {}}, "credentials is not known"),
    ],
)
def test_parameters_of_bedrock_that_are_refused(ask, parameters, said):
    with pytest.raises(InvalidConfig) as refused:
        ask("bedrock.guard", parameters)
    assert said in str(refused.value)
