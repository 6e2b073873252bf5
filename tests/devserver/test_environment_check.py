"""Tests of the warnings about variables that the server does not read."""

import re

import pytest

from devserver.environment_check import documented_variables, environment_warnings
from devserver.settings import REPOSITORY


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"RETOUCH_AUTH_MOD": "sk-canary"}, "'RETOUCH_AUTH_MOD'. Did you mean RETOUCH_AUTH_MODE?"),
        ({"RETOUCH_zzz": "sk-canary"}, "docs/configuration.md lists them"),
        ({"HOST": "0.0.0"}, "HOST is '0.0.0', which is not an IP address"),
        ({"HOST": "other\nline"}, r"HOST is 'other\nline'"),
    ],
)
def test_variable_without_effect_gets_one_line_without_its_secret(env, words):
    (warning,) = environment_warnings(env, host_name="my-laptop")
    assert words in warning
    assert "canary" not in warning
    assert "\n" not in warning


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"HOST": "my-laptop"},
        {"HOST": "localhost"},
        {"HOST": "::1"},
        {"HOST": ""},
        {"RETOUCH_AUTH_MODE": "open", "RETOUCH_KEY": "k", "RETOUCH_LOCAL_WORKERS": "2"},
        {"OTHER": "x"},
    ],
)
def test_variable_that_is_read_or_set_by_a_shell_gets_no_warning(env):
    assert list(environment_warnings(env, host_name="my-laptop")) == []


def test_every_variable_of_the_source_is_known():
    files = [
        path for folder in ("layers", "devserver") for path in (REPOSITORY / folder).rglob("*.py")
    ]
    names = {
        name
        for path in files
        for name in re.findall(r"\"(RETOUCH_[A-Z0-9_]*[A-Z0-9])\"", path.read_text())
    }
    assert names - documented_variables() == set()
