"""A body is hashed as it comes, is the same bytes afterwards, and leaves nothing on the disk."""

import hashlib
import os
import threading

import pytest

from retouch.edges.mirror.spool import spool

MIB = 1024 * 1024


@pytest.mark.parametrize("size", [0, 1, 8 * MIB, 8 * MIB + 1, 20 * MIB])
def test_what_went_in_comes_out(size):
    data = os.urandom(1024) * (size // 1024 + 1)
    data = data[:size]
    with spool(data[at : at + 65_536] for at in range(0, size, 65_536)) as body:
        assert (body.size, body.sha256) == (size, hashlib.sha256(data).digest())
        with body.whole() as whole:
            assert whole == data
        parts = list(body.parts(8 * MIB))
        assert b"".join(parts) == data
        assert all(len(part) == 8 * MIB for part in parts[:-1])


def test_large_ones_are_looked_at_in_turn():
    inside, most = [], []

    def look():
        with spool([bytes(9 * MIB)]) as body, body.whole():
            inside.append(1)
            most.append(len(inside))
            threading.Event().wait(0.02)
            inside.pop()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


def test_what_the_chunks_raise_is_passed_on_and_the_file_is_gone(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def breaking():
        yield bytes(9 * MIB)
        assert list(tmp_path.iterdir()) == [], "a file without a name cannot be left behind"
        raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"), spool(breaking()):
        pass
    assert list(tmp_path.iterdir()) == []
