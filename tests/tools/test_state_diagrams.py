"""Tests of the pictures of states."""

from typing import get_args

import pytest

from retouch.batches.batch import BatchStatus
from retouch.orders.jobs import JobStatus
from retouch.orders.order import OrderState
from retouch.webhooks.delivery import DeliveryState
from tools import batch_diagram, job_diagram, order_diagram, webhook_diagram


@pytest.mark.parametrize("module", [order_diagram, job_diagram, batch_diagram, webhook_diagram])
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
