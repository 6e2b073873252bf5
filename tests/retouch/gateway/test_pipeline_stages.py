"""Tests of the list of stages: each stage takes what an earlier stage returns."""

from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from retouch.gateway import services
from retouch.gateway.pipeline import REQUEST_STAGES, TARGET_STAGES
from retouch.gateway.result import AttemptResult, EditResult

PIPELINES = {
    "request": (REQUEST_STAGES, EditResult),
    "target": (TARGET_STAGES, AttemptResult),
}


def result_types(stage) -> set[Any]:
    """Return the types that a stage returns."""
    returned = get_type_hints(stage.run)["return"]
    is_union = get_origin(returned) in (Union, UnionType)
    return set(get_args(returned)) if is_union else {returned}


@pytest.mark.parametrize("name", PIPELINES)
def test_every_stage_takes_its_annotated_type(name):
    stages, _ = PIPELINES[name]
    for stage in stages:
        value_type, services_type, *_ = get_type_hints(stage.run).values()
        assert (value_type, services_type) == (stage.takes, services.Services), stage.name


@pytest.mark.parametrize("name", PIPELINES)
def test_every_result_of_a_stage_is_taken_by_a_later_stage(name):
    stages, final_type = PIPELINES[name]
    for position, stage in enumerate(stages):
        later_types = {later.takes for later in stages[position + 1 :]} | {final_type}
        assert result_types(stage) <= later_types, stage.name


@pytest.mark.parametrize("name", PIPELINES)
def test_last_stage_returns_the_final_type(name):
    stages, final_type = PIPELINES[name]
    assert result_types(stages[-1]) == {final_type}


def test_stage_names_are_unique():
    names = [stage.name for stage in (*REQUEST_STAGES, *TARGET_STAGES)]
    assert len(set(names)) == len(names)
