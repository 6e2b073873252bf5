import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from moto.dynamodb.models.table import Table

from tests.support.orders import TABLE, moto_server


@pytest.fixture
def slow_condition(monkeypatch):
    """Give every thread the time to check its condition before another one writes."""
    look_up = Table.get_item

    def look_up_slowly(*args, **kwargs):
        found = look_up(*args, **kwargs)
        threading.Event().wait(0.02)
        return found

    monkeypatch.setattr(Table, "get_item", look_up_slowly)


def test_ten_conditional_writes_at_once_have_a_single_winner(slow_condition):
    with moto_server() as port:
        client = boto3.Session("testing", "testing", region_name="us-east-1").client(
            "dynamodb", endpoint_url=f"http://127.0.0.1:{port}"
        )

        def write(number):
            try:
                client.put_item(
                    TableName=TABLE,
                    Item={"pk": {"S": "one"}, "number": {"N": str(number)}},
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except client.exceptions.ConditionalCheckFailedException:
                return None
            return str(number)

        with ThreadPoolExecutor(10) as pool:
            winners = [one for one in pool.map(write, range(10)) if one]
        stored = client.get_item(TableName=TABLE, Key={"pk": {"S": "one"}})["Item"]
    assert winners == [stored["number"]["N"]]
