import pytest

from retouch.guard.refusals import REASONS, SENTENCES, FetchError

NEVER_CONNECTED = {
    "userinfo_not_allowed",
    "scheme_not_allowed",
    "port_not_allowed",
    "host_not_allowed",
    "address_not_public",
    "redirect_blocked",
    "too_many_redirects",
    "dns_failed",
    "upstream_unreachable",
    "tls_failed",
}


def test_the_public_cannot_tell_why_a_host_was_not_reached():
    errors = [FetchError(reason) for reason in NEVER_CONNECTED]
    assert {(e.code, str(e), e.retryable) for e in errors} == {
        ("ssrf_blocked", SENTENCES["ssrf_blocked"], False)
    }


def test_no_other_reason_shares_that_code():
    assert {
        reason for reason, verdict in REASONS.items() if verdict.code == "ssrf_blocked"
    } == NEVER_CONNECTED


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_public_sentence(reason):
    assert str(FetchError(reason)) == SENTENCES[FetchError(reason).code]
    assert reason not in str(FetchError(reason))


@pytest.mark.parametrize("reason", REASONS)
def test_the_house_knows_what_another_try_may_mend(reason):
    error = FetchError(reason)
    hidden = {"dns_failed", "upstream_unreachable"}
    told = {"timeout", "truncated", "rate_limited", "upstream_error"}
    assert error.transient is (reason in hidden | told)
    assert error.retryable is (reason in told)


def test_an_unknown_reason_is_a_bug():
    with pytest.raises(KeyError):
        FetchError("because")
