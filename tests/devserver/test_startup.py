import threading
import time

from devserver.server import DevServer
from retouch.infrastructure.local.job_folder import EditsFolderQueue


def test_stopping_server_waits_for_reads_of_its_queues_before_their_folder_is_removed(
    monkeypatch,
):
    has_begun = threading.Event()
    begun, ended = [], []

    def receive_slowly(queue, _visibility):
        begun.append(queue)
        has_begun.set()
        time.sleep(0.3)
        ended.append(queue._database.path.parent.exists())

    monkeypatch.setattr(EditsFolderQueue, "receive", receive_slowly)
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}, workers=1):
        assert has_begun.wait(60)
    assert len(ended) == len(begun)
    assert all(ended)
