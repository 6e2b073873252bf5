"""Tests of the pictures of states, of the parts and of the packages."""

from typing import get_args

import pytest

from retouch.batches.batch import BatchStatus
from retouch.orders.jobs import JobStatus
from retouch.orders.order import OrderState
from retouch.webhooks.delivery import DeliveryState
from tests.support.layers import LAYER_IMPORTS
from tools import (
    batch_diagram,
    job_diagram,
    order_diagram,
    overview_diagram,
    package_diagram,
    webhook_diagram,
)

PICTURES = [
    batch_diagram,
    job_diagram,
    order_diagram,
    overview_diagram,
    package_diagram,
    webhook_diagram,
]


@pytest.mark.parametrize("module", PICTURES)
def test_picture_is_the_generated_one(module):
    assert module.PICTURE.read_text() == module.DIAGRAM.render()


def test_picture_of_orders_has_every_state():
    states_of_jobs = {"queued", "cancelled"}  # docs/jobs.svg shows these
    assert set(order_diagram.STATES) == {*get_args(OrderState), "new key"} - states_of_jobs


def test_picture_of_jobs_has_every_status():
    assert set(job_diagram.STATES) == set(get_args(JobStatus))


def test_picture_of_batches_has_every_status():
    assert set(batch_diagram.STATES) == set(get_args(BatchStatus))


def test_picture_of_deliveries_has_every_state():
    assert set(webhook_diagram.STATES) == {*get_args(DeliveryState), "event"}


def test_picture_of_packages_has_every_package_with_a_contract():
    assert set(package_diagram.COLUMNS) == set(package_diagram.allowed_imports())


@pytest.mark.parametrize("package", LAYER_IMPORTS)
def test_contract_of_package_allows_the_imports_that_its_files_may_have(package):
    assert package_diagram.allowed_imports()[package] == set(LAYER_IMPORTS[package]) - {package}


def test_picture_of_packages_has_a_path_to_every_allowed_import():
    reached: dict[str, set[str]] = {}
    for name in reversed(package_diagram.COLUMNS):
        direct = package_diagram.direct_imports(name)
        reached[name] = direct.union(*(reached[each] for each in direct))
        assert reached[name] >= package_diagram.allowed_imports()[name]
