"""Tests of log lines: Powertools' own formatter is the reference."""

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from retouch.infrastructure.telemetry.json_log import (
    JsonFormatter,
    configure_logger,
    format_timestamp,
)

SERVICE = "retouch"


def raised_error():
    try:
        raise ValueError("no such value")
    except ValueError as error:
        error.add_note("a note")
        return error


RECORDS: dict[str, dict[str, object]] = {
    "plain": {"msg": "request"},
    "arguments": {"msg": "%s of %d", "args": ("one", 2)},
    "fields": {"msg": "request", "ms": 12.5, "notes": ["a", "é"], "attempts": [{"status": 200}]},
    "none": {"msg": "request", "code": None},
    "unusual values": {"msg": "request", "when": {1, 2} and frozenset({1}), "path": object},
    "error": {"msg": "failed", "levelno": 40, "levelname": "ERROR"},
}


@pytest.fixture(autouse=True)
def reference(monkeypatch):
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    return LambdaPowertoolsFormatter(service=SERVICE)


@pytest.mark.parametrize("name", RECORDS)
def test_line_equals_the_line_of_powertools(name, reference):
    attributes = {"funcName": "record", "lineno": 7, "levelname": "INFO", **RECORDS[name]}
    if name == "error":
        error = raised_error()
        attributes["exc_info"] = (type(error), error, error.__traceback__)
    record = logging.makeLogRecord(attributes)
    ours, theirs = (
        json.loads(formatter.format(record))
        for formatter in (JsonFormatter(SERVICE, {}), reference)
    )
    stack_trace = theirs.get("stack_trace", {})
    stack_trace["value"] = str(stack_trace.get("value")) if stack_trace else None
    theirs = {key: value for key, value in theirs.items() if value}
    assert {key: value for key, value in ours.items() if value} == {
        key: value for key, value in theirs.items() if key != "stack_trace" or "type" in value
    }
    assert list(ours)[:5] == ["level", "location", "message", "timestamp", "service"]


def test_line_has_the_fields_of_the_request_and_the_trace():
    environment = {"_X_AMZN_TRACE_ID": "Root=1-abc-def;Parent=1;Sampled=1"}
    formatter = JsonFormatter(SERVICE, environment)
    formatter.context = {"trace_id": "t-1"}
    line = json.loads(formatter.format(logging.makeLogRecord({"msg": "request"})))
    assert (line["trace_id"], line["xray_trace_id"]) == ("t-1", "1-abc-def")


def test_thread_that_outlives_its_request_writes_the_fields_of_that_request():
    formatter, is_over = JsonFormatter(SERVICE, {}), threading.Event()

    def write_late():
        is_over.wait(10)
        return json.loads(formatter.format(logging.makeLogRecord({"msg": "late"})))

    with ThreadPoolExecutor() as pool:
        formatter.context = {"trace_id": "t-1"}
        own = pool.submit(copy_context().run, write_late)
        other = pool.submit(write_late)
        formatter.context.update(key="k-1")
        formatter.context = {"trace_id": "t-2"}
        is_over.set()
    assert (own.result()["trace_id"], own.result()["key"]) == ("t-1", "k-1")
    assert other.result()["trace_id"] == "t-2"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_timestamp_has_milliseconds_and_the_zone(zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        reference = LambdaPowertoolsFormatter().formatTime(
            logging.makeLogRecord({"created": 1_800_000_000.25, "msecs": 250.0})
        )
        assert format_timestamp(1_800_000_000.25) == reference
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.fixture
def restored_logger():
    logger = logging.getLogger("retouch-test")
    yield logger.name
    logger.handlers.clear()


@pytest.mark.parametrize(
    ("environment", "level"),
    [
        ({}, logging.INFO),
        ({"POWERTOOLS_LOG_LEVEL": "debug"}, logging.DEBUG),
        ({"POWERTOOLS_LOG_LEVEL": "ERROR", "LOG_LEVEL": "DEBUG"}, logging.ERROR),
        ({"AWS_LAMBDA_LOG_LEVEL": "WARN"}, logging.WARNING),
        ({"POWERTOOLS_LOG_LEVEL": "loud", "LOG_LEVEL": "ERROR"}, logging.ERROR),
    ],
)
def test_level_is_the_first_known_one_of_the_environment(environment, level, restored_logger):
    assert configure_logger(restored_logger, environment)[0].level == level


def test_logger_writes_one_line_to_the_standard_output(restored_logger, capsys):
    for _ in range(2):  # a second configuration does not write each line twice
        logger, _ = configure_logger(restored_logger, {})
    logger.info("request", extra={"status": 200})
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["status"] == 200
