"""The local S3 with a folder: what a process that is killed has stored, the next one serves."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from urllib.parse import quote

import boto3
import pytest
import requests

from devserver.s3 import BUCKET, LocalS3

ODD_NAME = "uploads/a b/é%2F.png"


@contextmanager
def run_s3(folder):
    s3 = LocalS3(folder=folder)
    try:
        s3._read_first_line()
        client = boto3.client(
            "s3",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{s3.port}",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        yield SimpleNamespace(client=client, port=s3.port)
    finally:
        s3.stop()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "objects"


def test_objects_of_a_killed_process_are_served_by_the_next_one(folder):
    with run_s3(folder) as s3:
        s3.client.put_object(Bucket=BUCKET, Key="results/a.png", Body=b"old")
        s3.client.put_object(
            Bucket=BUCKET, Key="results/a.png", Body=b"new", ContentType="image/png"
        )
        s3.client.put_object(Bucket=BUCKET, Key=ODD_NAME, Body=b"odd", Metadata={"owner": "me"})
        s3.client.put_object(Bucket=BUCKET, Key="results/gone.png", Body=b"x")
        s3.client.delete_object(Bucket=BUCKET, Key="results/gone.png")
        form = s3.client.generate_presigned_post(BUCKET, "uploads/form")
        files = {"file": b"form"}
        assert requests.post(form["url"], data=form["fields"], files=files, timeout=60).ok
    with run_s3(folder) as s3:
        head = s3.client.head_object(Bucket=BUCKET, Key="results/a.png")
        assert (head["ContentType"], head["ContentLength"]) == ("image/png", 3)
        params = {"Bucket": BUCKET, "Key": "results/a.png"}
        link = requests.get(s3.client.generate_presigned_url("get_object", params), timeout=60)
        assert (link.content, link.headers["content-type"]) == (b"new", "image/png")
        odd = s3.client.get_object(Bucket=BUCKET, Key=ODD_NAME)
        assert (odd["Body"].read(), odd["Metadata"]) == (b"odd", {"owner": "me"})
        assert s3.client.get_object(Bucket=BUCKET, Key="uploads/form")["Body"].read() == b"form"
        with pytest.raises(s3.client.exceptions.NoSuchKey):
            s3.client.get_object(Bucket=BUCKET, Key="results/gone.png")


def test_object_without_a_valid_link_is_deleted_at_the_start(folder):
    with run_s3(folder) as s3:
        for name in ("old", "new"):
            s3.client.put_object(Bucket=BUCKET, Key=f"results/{name}.png", Body=b"x")
    long_ago = time.time() - 8 * 86_400 - 1
    for file in folder.glob("*old*"):
        os.utime(file, (long_ago, long_ago))
    with run_s3(folder):
        assert sorted(file.name for file in folder.iterdir()) == [
            "results%2Fnew.png",
            "results%2Fnew.png.headers",
        ]


def test_objects_that_are_written_at_the_same_time_are_all_kept(folder):
    names = [f"results/{number}.png" for number in range(200)]
    with run_s3(folder) as s3:
        address = f"http://127.0.0.1:{s3.port}/{BUCKET}"

        def put(name):
            return requests.put(f"{address}/{name}", data=name.encode(), timeout=60).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(put, names)) == {200}
    assert {file.name for file in folder.iterdir()} == {
        quote(name, safe="") + suffix for name in names for suffix in ("", ".headers")
    }


def test_object_of_an_earlier_process_is_copied_deleted_and_not_replaced(folder):
    with run_s3(folder) as s3:
        for name in (ODD_NAME, "files/gone", "files/kept"):
            s3.client.put_object(Bucket=BUCKET, Key=name, Body=name.encode())
    with run_s3(folder) as s3:
        source = {"Bucket": BUCKET, "Key": ODD_NAME}
        s3.client.copy_object(Bucket=BUCKET, Key="files/copy", CopySource=source)
        s3.client.delete_object(Bucket=BUCKET, Key="files/gone")
        with pytest.raises(s3.client.exceptions.ClientError, match="PreconditionFailed"):
            s3.client.put_object(Bucket=BUCKET, Key="files/kept", Body=b"new", IfNoneMatch="*")
    with run_s3(folder) as s3:
        copy = s3.client.get_object(Bucket=BUCKET, Key="files/copy")
        assert copy["Body"].read() == ODD_NAME.encode()
        with pytest.raises(s3.client.exceptions.NoSuchKey):
            s3.client.get_object(Bucket=BUCKET, Key="files/gone")
