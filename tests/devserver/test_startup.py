import threading
import time

from devserver import startup
from devserver.server import DevServer
from retouch.infrastructure.local.job_folder import EditsFolderQueue


def test_stopping_server_waits_for_reads_of_its_queues_before_their_folder_is_removed(
    monkeypatch,
):
    has_begun = threading.Event()
    begun, ended = [], []

    class SlowQueue(EditsFolderQueue):
        def receive(self, _visibility):
            begun.append(self)
            has_begun.set()
            time.sleep(0.3)
            ended.append(self._database.path.parent.exists())

    # Other servers of this process keep their queues, so the lists have the reads of one server only.
    monkeypatch.setattr(startup, "EditsFolderQueue", SlowQueue)
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}, workers=1):
        assert has_begun.wait(60)
    assert begun
    assert len(ended) == len(begun)
    assert all(ended)
