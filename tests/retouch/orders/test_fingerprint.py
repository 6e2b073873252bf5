"""Tests of what makes two requests the same order."""

from dataclasses import replace

import pytest

from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.edit_types import FormText, ImageReference, MaskShapes, ParsedForm
from retouch.core.portkey_types import PortkeyHeaders
from retouch.orders.fingerprint import make_fingerprint

FORM = ParsedForm(
    {"prompt": FormText("a red hat"), "model": FormText("m"), "n": FormText("2")},
    (b"one", b"two"),
    b"mask",
)


NO_CREDENTIALS, NO_HEADERS = ClientCredentials(), PortkeyHeaders()


def fingerprint(form=FORM, credentials=NO_CREDENTIALS, portkey=NO_HEADERS):
    return make_fingerprint("/v1/images/edits", form, credentials, portkey, "pepper")


def with_values(**values):
    return replace(FORM, values={**FORM.values, **values})


@pytest.mark.parametrize(
    "form",
    [
        replace(FORM, values=dict(sorted(FORM.values.items(), reverse=True))),
        with_values(n=2),
        with_values(stream=True),
        with_values(stream=FormText("true"), partial_images=FormText("3")),
    ],
    ids=["order of scalars", "number in JSON", "stream in JSON", "stream in a form"],
)
def test_other_spelling_of_the_same_request_has_the_same_fingerprint(form):
    assert fingerprint(form).digest == fingerprint().digest


@pytest.mark.parametrize(
    ("form", "name"),
    [
        (with_values(prompt=FormText("a red hat.")), "prompt"),
        (with_values(size="1024x1024"), "size"),
        (replace(FORM, values={"prompt": FORM.values["prompt"], "model": "m"}), "n"),
        (replace(FORM, images=(b"two", b"one")), "image[0]"),
        (replace(FORM, images=(b"one",)), "image[1]"),
        (replace(FORM, images=(b"one", ImageReference("upload", "u", "image"))), "image[1]"),
        (replace(FORM, mask=b"mask2"), "mask"),
        (replace(FORM, mask=None), "mask"),
        (replace(FORM, mask=MaskShapes({"shapes": []})), "mask"),
    ],
    ids=str,
)
def test_other_request_has_another_fingerprint_and_names_the_first_field(form, name):
    assert fingerprint().first_difference(fingerprint(form)) == name


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ({"credentials": ClientCredentials(key="sk-other")}, "provider key"),
        ({"credentials": ClientCredentials(provider="@x")}, "x-portkey-provider"),
        ({"portkey": PortkeyHeaders(virtual_key="v")}, "x-portkey-virtual-key"),
        ({"portkey": PortkeyHeaders(config={"a": 1})}, "x-portkey-config"),
        ({"portkey": PortkeyHeaders(config="pc-1")}, "x-portkey-config"),
        ({"portkey": PortkeyHeaders(custom_host="https://x.example")}, "x-portkey-custom-host"),
        ({"portkey": PortkeyHeaders(hooks={"input_guardrails": []})}, "x-portkey-guardrails"),
        ({"portkey": PortkeyHeaders(options={"a": "b"})}, "x-portkey-options"),
    ],
)
def test_other_payer_or_route_has_another_fingerprint(other, name):
    assert fingerprint().first_difference(fingerprint(**other)) == name


@pytest.mark.parametrize(
    "other",
    [PortkeyHeaders(timeout=3.0), PortkeyHeaders(trace_id="t", metadata={"a": "b"})],
    ids=["timeout", "trace"],
)
def test_header_that_does_not_change_the_image_is_ignored(other):
    assert fingerprint(portkey=other).digest == fingerprint().digest


def test_shapes_with_other_order_of_members_have_the_same_fingerprint():
    one, two = (
        replace(FORM, mask=MaskShapes(spec)) for spec in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    )
    assert fingerprint(one).digest == fingerprint(two).digest


def test_fingerprint_contains_no_value_of_the_request():
    text = repr(fingerprint(credentials=ClientCredentials(key="sk-secret")))
    assert "red hat" not in text
    assert "sk-secret" not in text


def test_request_with_many_fields_stores_few_of_their_hashes():
    many = fingerprint(with_values(**{f"field{i:04}" + "x" * 100: "1" for i in range(500)}))
    assert len(many.fields) <= 30
    assert max(map(len, many.fields)) <= 32


CONDITION = {"strategy": {"conditions": [{"query": {"metadata.plan": "paid"}, "then": "a"}]}}


@pytest.mark.parametrize(
    ("config", "headers", "name"),
    [
        (CONDITION, {"metadata": {"plan": "paid"}}, "metadata.plan"),
        (CONDITION, {"metadata": {"request": "2"}}, None),
        ("saved", {"metadata": {"request": "2"}}, "metadata.request"),
        (None, {"metadata": {"plan": "paid"}}, None),
        (None, {"forwarded_headers": {"openai-organization": "b"}}, "openai-organization"),
        (
            {"forward_headers": ["OpenAI-Organization"]},
            {"forwardable_headers": {"openai-organization": "b"}},
            "openai-organization",
        ),
        (
            "saved",
            {"forwardable_headers": {"openai-project": "b", "x-stainless-retry-count": "1"}},
            "openai-project",
        ),
        ("saved", {"forwardable_headers": {"x-stainless-retry-count": "1"}}, None),
        (None, {"forwardable_headers": {"openai-organization": "b"}}, None),
    ],
    ids=str,
)
def test_only_metadata_and_headers_that_may_choose_a_target_or_payer_count(config, headers, name):
    one = fingerprint(portkey=PortkeyHeaders(config=config))
    other = fingerprint(portkey=PortkeyHeaders(config=config, **headers))
    assert one.first_difference(other) == name
