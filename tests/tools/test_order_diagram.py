"""Tests of the picture of the states of an order."""

from typing import get_args

from retouch.orders.order import OrderState
from tools.order_diagram import PICTURE, STATES, render


def test_picture_is_the_generated_one():
    assert PICTURE.read_text() == render()


def test_picture_has_every_state():
    states_of_jobs = {"queued", "cancelled"}  # docs/jobs.svg shows these
    assert set(STATES) == {*get_args(OrderState), "new key"} - states_of_jobs
