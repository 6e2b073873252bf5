"""Tests of the planner's prompt, and of the page that documents its operations."""

import json
from pathlib import Path

import pytest

from retouch.imaging.operations.program import read_steps
from retouch.imaging.operations.registry import OPERATIONS
from retouch.providers._shared.planner.parse import PlanRefusal, parse_planner_reply
from retouch.providers._shared.planner.prompt import EXAMPLES, MASKED_EXAMPLES, system_prompt

PLANNER_PAGE = (Path(__file__).parents[5] / "docs/planner.md").read_text()


@pytest.mark.parametrize(("examples", "masked"), [(EXAMPLES, False), (MASKED_EXAMPLES, True)])
def test_prompt_examples_are_valid_replies(examples, masked):
    replies = [parse_planner_reply(text, masked) for _, text in examples]
    assert isinstance(replies[-1], PlanRefusal)
    assert not any(isinstance(reply, PlanRefusal) for reply in replies[:-1])


@pytest.mark.parametrize("masked", [False, True])
def test_system_prompt_lists_all_usable_operations(masked):
    text = system_prompt(masked)
    for operation in OPERATIONS.values():
        assert (f"\n- {operation.name}" in text) == (not (masked and operation.changes_geometry))
        if not (masked and operation.changes_geometry):
            for name, field in operation.fields.items():
                assert name == "region" or f"    {name}: {field.spec.rule()}" in text
    assert len(text) < 6000  # every edit pays for these tokens


def test_docs_table_lists_all_operations_and_fields():
    for operation in OPERATIONS.values():
        row = next(
            line for line in PLANNER_PAGE.splitlines() if line.startswith(f"| `{operation.name}`")
        )
        for name in operation.fields:
            assert f"`{name}`" in row


def test_docs_examples_are_valid_plans():
    blocks = PLANNER_PAGE.split("```json\n")[1:]
    plans = [json.loads(block.split("```")[0]) for block in blocks]
    assert len(plans) == 2
    for plan in plans:
        read_steps(plan["steps"], False)
