"""Tests of parallel calls for one edit: paid images are delivered, failures are noted, and the worst billing counts."""

import pytest

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import InvalidRequest, Moderated, RateLimited, UpstreamError
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.provider_call.parallel import FanoutResult, run_parallel

JOBS = [ProviderJob(str(i), "p", ()) for i in range(3)]


def image_result(*texts, failures=()):
    return FanoutResult([GeneratedImage(b64=text) for text in texts], failures)


def job_runner(*results):
    def run_job(job, index):
        result = results[int(job.model)]
        if isinstance(result, Exception):
            raise result
        return result if isinstance(result, FanoutResult) else image_result(result)

    return run_job


def test_results_are_in_the_order_of_the_jobs():
    result = run_parallel(JOBS, job_runner("a", "b", "c"))
    assert [image.b64 for image in result.images] == ["a", "b", "c"]
    assert result.shortfall_notes(3) == ()


def test_partial_failure_delivers_paid_images_with_note():
    result = run_parallel(JOBS, job_runner("a", Moderated("no hats"), "c"))
    assert [image.b64 for image in result.images] == ["a", "c"]
    assert result.shortfall_notes(3) == ("n: 2 of 3 images, the rest failed: no hats",)


def test_fewer_images_than_requested_are_noted():
    result = run_parallel(JOBS, job_runner("a", "b", "c"))
    assert result.shortfall_notes(4) == ("n: 3 of 4 images, the provider returned no more",)


def test_total_failure_raises_first_error_with_worst_billing():
    with pytest.raises(RateLimited) as exc_info:
        run_parallel(
            JOBS, job_runner(RateLimited("wait"), UpstreamError("cut"), RateLimited("wait"))
        )
    assert exc_info.value.billed == "unknown"
    assert exc_info.value.should_retry is False


def test_total_failure_without_billing_is_not_billed():
    with pytest.raises(InvalidRequest) as exc_info:
        run_parallel(JOBS, job_runner(*[InvalidRequest("no")] * 3))
    assert exc_info.value.billed == "no"


def test_unexpected_exception_loses_no_image_of_another_job():
    result = run_parallel(JOBS, job_runner("a", ZeroDivisionError("secret"), "c"))
    assert [image.b64 for image in result.images] == ["a", "c"]
    assert result.shortfall_notes(3) == ("n: 2 of 3 images, the rest failed: The gateway failed.",)


def test_unexpected_exception_of_the_first_job_is_raised_when_there_is_no_image():
    with pytest.raises(ZeroDivisionError):
        run_parallel(JOBS, job_runner(ZeroDivisionError(), UpstreamError("cut"), Moderated("no")))


def test_error_after_the_first_image_of_a_job_is_noted():
    partial = image_result("b", failures=(UpstreamError("cut"),))
    result = run_parallel(JOBS, job_runner("a", partial, Moderated("no hats")))
    assert [image.b64 for image in result.images] == ["a", "b"]
    assert result.shortfall_notes(4) == ("n: 2 of 4 images, the rest failed: cut; no hats",)
