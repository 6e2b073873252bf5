import pytest

from retouch.core.url_policy.errors import MESSAGES, REASONS, FetchError

REASONS_WITHOUT_CONNECTION = {
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


def test_all_reasons_without_connection_give_the_same_public_error():
    errors = [FetchError(reason) for reason in REASONS_WITHOUT_CONNECTION]
    assert {(e.code, str(e), e.retryable) for e in errors} == {
        ("ssrf_blocked", MESSAGES["ssrf_blocked"], False)
    }


def test_only_reasons_without_connection_have_code_ssrf_blocked():
    assert {
        reason for reason, verdict in REASONS.items() if verdict.code == "ssrf_blocked"
    } == REASONS_WITHOUT_CONNECTION


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_public_message(reason):
    assert str(FetchError(reason)) == MESSAGES[FetchError(reason).code]
    assert reason not in str(FetchError(reason))


@pytest.mark.parametrize("reason", REASONS)
def test_transient_reasons_are_marked_for_retry(reason):
    error = FetchError(reason)
    hidden = {"dns_failed", "upstream_unreachable"}
    public = {"timeout", "truncated", "rate_limited", "upstream_error"}
    assert error.is_transient is (reason in hidden | public)
    assert error.retryable is (reason in public)


@pytest.mark.parametrize("reason", REASONS)
def test_only_what_the_policy_refuses_is_final(reason):
    passing = {
        *("dns_failed", "upstream_unreachable", "tls_failed", "too_many_redirects"),
        *("source_expired", "source_forbidden", "upstream_status", "upstream_error"),
        *("rate_limited", "timeout", "truncated", "bad_answer", "header_too_large", "not_an_image"),
    }
    assert FetchError(reason).is_final is (reason not in passing)


@pytest.mark.parametrize("reason", REASONS)
def test_problem_is_the_first_sentence_of_the_message(reason):
    error = FetchError(reason)
    assert str(error).startswith(error.problem)
    assert error.problem.count(". ") == 0


def test_unknown_reason_raises_key_error():
    with pytest.raises(KeyError):
        FetchError("because")
