"""The trace of an invocation is visible to Python and does not reach the environment of the process."""

import ctypes
import os

from retouch.infrastructure.lambda_runtime.loop import _set_trace_id

NAME = "_X_AMZN_TRACE_ID"


def test_trace_is_in_os_environ_and_setenv_is_not_called():
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    _set_trace_id("Root=1-a")
    try:
        assert os.environ[NAME] == "Root=1-a"
        assert getenv(NAME.encode()) is None
    finally:
        _set_trace_id(None)
    assert NAME not in os.environ
