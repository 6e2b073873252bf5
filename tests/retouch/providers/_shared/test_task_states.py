"""Tests of the words for the state of a task."""

import pytest

from retouch.providers._shared.task_states import is_failure, is_success, is_unknown


@pytest.mark.parametrize("state", ["Ready", "COMPLETED", " succeeded ", "done"])
def test_word_for_success_is_read_in_any_case(state):
    assert (is_success(state), is_failure(state), is_unknown(state)) == (True, False, False)


@pytest.mark.parametrize("state", ["FAILED", "Timed out", "timed-out", "cancelled", "canceled"])
def test_word_for_failure_is_read_with_any_separator(state):
    assert (is_success(state), is_failure(state), is_unknown(state)) == (False, True, False)


@pytest.mark.parametrize("state", ["Pending", "IN-PROGRESS", "in queue", "Task not found"])
def test_word_for_an_open_task_is_no_end(state):
    assert (is_success(state), is_failure(state), is_unknown(state)) == (False, False, False)


@pytest.mark.parametrize("state", ["", "unready", "not done", "half_failed"])
def test_word_that_only_contains_a_known_one_is_unknown_and_no_end(state):
    assert (is_success(state), is_failure(state), is_unknown(state)) == (False, False, True)
