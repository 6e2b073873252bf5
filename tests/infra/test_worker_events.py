"""Tests of the worker's sample events against the deployed function's handler, as `make invoke` runs it."""

import importlib.util
import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.infra.conftest import ROOT
from tests.support.events import lambda_context
from tools.events import EVENTS_FOLDER, WORKER_EVENTS
from tools.worker_events import KEY

LOCAL = json.loads((EVENTS_FOLDER / "env" / "local.json").read_text())
RECIPE = {
    "edit": {"model": "local/erase"},
    "mask": {"shapes": [{"type": "circle", "cx": 0.5, "cy": 0.5, "r": 0.2}], "unit": "fraction"},
}
STARTING = [
    name for name in WORKER_EVENTS if name.startswith("worker_edit") and "refused" not in name
]
OBJECTS = [
    f"worker_s3_{name}"
    for name in (
        "notification",
        "notification_2_6",
        "notification_sns",
        "eventbridge",
        "batch_operations_1_0",
        "batch_operations_2_0",
    )
]


class Worker:
    """The worker function with a folder of its own."""

    def __init__(self, folder, handler):
        self.folder, self.handler = folder, handler

    def run(self, name):
        event = json.loads((EVENTS_FOLDER / f"{name}.json").read_text())
        return self.handler(event, lambda_context())

    def jobs(self):
        """Return the number of jobs that wait in the local queue."""
        with closing(sqlite3.connect(self.folder / "jobs.sqlite")) as database:
            bodies = database.execute("SELECT body FROM messages").fetchall()
        return len({body for (body,) in bodies if '"order"' in body})


@pytest.fixture
def worker(tmp_path):
    """Return the handler of functions/worker/app.py."""
    spec = importlib.util.spec_from_file_location("worker_app", ROOT / "functions/worker/app.py")
    assert spec is not None
    assert spec.loader is not None
    folders = {"RETOUCH_ORDERS_FOLDER": str(tmp_path), "RETOUCH_INBOX": str(tmp_path / "inbox")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**LOCAL["Parameters"], **LOCAL["WorkerFunction"], **folders}.items():
            patch.setenv(name, value)
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        yield Worker(tmp_path, app.handler)


@pytest.mark.parametrize("name", WORKER_EVENTS)
def test_worker_sample_event_gets_its_expected_outcome_without_key_and_account(worker, name):
    sample, response = WORKER_EVENTS[name], worker.run(name)
    if sample.result_code:
        assert [one["resultCode"] for one in response["results"]] == [sample.result_code]
    else:
        unfinished = [{"itemIdentifier": one} for one in sample.unfinished]
        assert response == {"batchItemFailures": unfinished}


@pytest.mark.parametrize("name", STARTING)
def test_sample_edit_becomes_one_job_however_often_it_arrives(worker, name):
    for _ in range(2):
        worker.run(name)
    assert worker.jobs() == 1


@pytest.mark.parametrize("name", OBJECTS)
def test_sample_object_becomes_a_job_when_its_recipe_is_there(worker, name):
    inbox = worker.folder / "inbox"
    photo = inbox / KEY
    photo.parent.mkdir(parents=True)
    shutil.copy(EVENTS_FOLDER / "photo.png", photo)
    (inbox / "recipes").mkdir()
    (inbox / "recipes" / "erase.json").write_text(json.dumps(RECIPE))
    event = (EVENTS_FOLDER / f"{name}.json").read_text()
    from retouch.infrastructure.local.inbox_folder import InboxFolder

    stored = InboxFolder(str(inbox)).read_metadata("photos", KEY)
    assert stored is not None
    event = event.replace("d41d8cd98f00b204e9800998ecf8427e", stored.etag)
    worker.handler(json.loads(event), lambda_context())
    assert worker.jobs() == 1


@pytest.mark.parametrize("name", [one for one in OBJECTS if "batch" not in one])
def test_sample_object_without_a_recipe_is_a_failure_that_says_so(worker, name):
    worker.run(name)
    failure = worker.folder / "inbox" / f"{KEY.replace('inbox/', 'failed/', 1)}.json"
    assert json.loads(failure.read_text())["error"]["code"] == "recipe_not_found"
    assert not (worker.folder / "jobs.sqlite").exists() or worker.jobs() == 0


@pytest.mark.parametrize("name", WORKER_EVENTS)
def test_worker_event_file_matches_the_generator_and_is_small(name):
    file = EVENTS_FOLDER / f"{name}.json"
    assert json.loads(file.read_text()) == WORKER_EVENTS[name].build_event()
    assert file.stat().st_size < 8_000
