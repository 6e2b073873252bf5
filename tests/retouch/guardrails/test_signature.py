import pytest

from retouch.guardrails.signature import signed, signing_key


def test_the_example_of_standard_webhooks():
    """The worked example that the specification's own libraries test with."""
    headers = signed(
        signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_without_a_key_nothing_is_signed():
    assert set(signed(b"", "msg_1", 1, b"x")) == {"webhook-id", "webhook-timestamp"}


@pytest.mark.parametrize("size", [24, 64])
def test_keys_of_allowed_sizes(size):
    from base64 import b64encode

    key = bytes(range(size))
    assert signing_key("whsec_" + b64encode(key).decode()) == key


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "whsec_" + "QUJD" * 22, "é"])
def test_other_secrets_are_refused(secret):
    with pytest.raises(ValueError, match="whsec_"):
        signing_key(secret)
