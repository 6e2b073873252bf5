"""Tests of the sentence of a provider: JSON of many shapes, text and pages, in many charsets."""

import json
import time

import pytest

from retouch.core.text.error_text import decode_text, error_message, page_sentence

UMLAUTS = '{"message": "Größe ungültig"}'


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"detail": [{"loc": ["body", "image"], "msg": "Field required"}]}, "body.image: Field required"),
        ({"detail": [{"loc": ["body"], "msg": "why"}, {"msg": "and"}]}, "why; and"),
        ({"detail": {"error": "deep"}}, "deep"),
        ({"message": "plain", "code": 40001}, "plain"),
        ({"error": "invalid_grant", "error_description": "expired"}, "invalid_grant"),
        ({"fault": {"faultstring": "quota"}}, "quota"),
        ({"errors": ["one", "two"]}, "one; two"),
        ({"title": "Bad Request", "status": 400}, "Bad Request"),
        ({"error": {"code": 7}}, ""),
        ([{"error": {"message": "in a list"}}], "in a list"),
        (7, ""),
        (None, ""),
    ],
)  # fmt: skip
def test_message_is_found_in_any_shape(document, message):
    assert error_message(document) == message


@pytest.mark.parametrize(
    ("codec", "content_type"),
    [
        ("utf-8", "application/json"),
        ("utf-8-sig", ""),
        ("latin-1", "application/json; charset=ISO-8859-1"),
        ("cp1252", "text/plain"),
        ("utf-16", "application/json"),
        ("utf-16-le", "application/json"),
        ("utf-16-be", "application/json; charset=utf-8"),
        ("utf-32", ""),
        ("utf-16-le", 'text/plain; CHARSET="utf-16le"'),
        ("utf-8", "text/plain; charset=no-such-charset"),
        ("utf-8", "text/plain; charset=hex"),
        ("utf-8", "text/plain; charset=punycode"),
        ("utf-8", "text/plain; charset=us-ascii"),
    ],
)
def test_text_is_decoded_in_any_charset(codec, content_type):
    text = decode_text(UMLAUTS.encode(codec), content_type)
    assert json.loads(text) == {"message": "Größe ungültig"}


def test_declared_chinese_charset_is_decoded():
    assert decode_text("额度不足".encode("gb18030"), "text/plain;charset=gb18030") == "额度不足"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Request Entity\r\n Too Large\n", "Request Entity Too Large"),
        ("<html><head><title>502</title><style>p{}</style></head><p>Bad &amp; gone</p>", "502 Bad & gone"),
        ("<script>alert(1)</script><p>busy", "busy"),
        ("  <!DOCTYPE html><h1>Not Found</h1>", "Not Found"),
        ('<?xml version="1.0"?><Error><Code>NoAccess</Code><Message>Denied</Message></Error>', "NoAccess Denied"),
        ("", ""),
        ("PK\0\1\2", ""),
    ],
)  # fmt: skip
def test_page_is_reduced_to_its_words(text, sentence):
    assert page_sentence(text) == sentence


def test_page_of_many_opening_brackets_is_read_quickly():
    started = time.monotonic()
    assert len(page_sentence("<" * 100_000)) <= 304
    assert time.monotonic() - started < 20


def test_long_page_ends_between_two_words():
    sentence = page_sentence("word " * 100 + "key-0123456789")
    assert sentence == ("word " * 60).strip() + " ..."
    assert page_sentence("x" * 400) == ""
