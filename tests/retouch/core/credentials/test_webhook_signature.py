import pytest

from retouch.core.credentials.webhook_signature import signature_headers, signing_key


def test_signature_matches_standard_webhooks_example():
    """The worked example that the libraries of the specification use as a test."""
    headers = signature_headers(
        [signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_request_without_key_has_no_signature_header():
    assert set(signature_headers([], "msg_1", 1, b"x")) == {"webhook-id", "webhook-timestamp"}


@pytest.mark.parametrize("size", [24, 64])
def test_secret_of_24_to_64_bytes_is_accepted(size):
    from base64 import b64encode

    key = bytes(range(size))
    assert signing_key("whsec_" + b64encode(key).decode()) == key


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "whsec_" + "QUJD" * 22, "é"])
def test_invalid_secret_raises_value_error(secret):
    with pytest.raises(ValueError, match="whsec_"):
        signing_key(secret)
