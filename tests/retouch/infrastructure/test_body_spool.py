"""Tests of spooled bodies: they are hashed while they arrive, stay unchanged, and leave no file behind."""

import hashlib
import os
import threading

import pytest

from retouch.infrastructure.body_spool import spool_body

MIB = 1024 * 1024


@pytest.mark.parametrize("size", [0, 1, 8 * MIB, 8 * MIB + 1, 20 * MIB])
def test_spooled_body_has_same_bytes_size_and_hash(size):
    data = os.urandom(1024) * (size // 1024 + 1)
    data = data[:size]
    with spool_body(data[at : at + 65_536] for at in range(0, size, 65_536)) as body:
        assert (body.size, body.sha256) == (size, hashlib.sha256(data).digest())
        with body.load() as whole:
            assert whole == data
        parts = list(body.read_parts(8 * MIB))
        assert b"".join(parts) == data
        assert all(len(part) == 8 * MIB for part in parts[:-1])


def test_large_bodies_are_read_whole_one_at_a_time():
    inside, concurrency = [], []

    def read_large_body():
        with spool_body([bytes(9 * MIB)]) as body, body.load():
            inside.append(1)
            concurrency.append(len(inside))
            threading.Event().wait(0.02)
            inside.pop()

    threads = [threading.Thread(target=read_large_body) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(concurrency) == 1


def test_error_while_spooling_is_raised_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def failing_chunks():
        yield bytes(9 * MIB)
        assert list(tmp_path.iterdir()) == [], "the temporary file has no name"
        raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"), spool_body(failing_chunks()):
        pass
    assert list(tmp_path.iterdir()) == []
