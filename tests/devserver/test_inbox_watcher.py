"""Tests of the local inbox: which files become events, and when."""

import json
import os

import pytest

from devserver.inbox_watcher import FIRST_RECIPE, MASKED_RECIPE, InboxWatcher, prepare_inbox
from devserver.settings import DEFAULT_INBOX, DevServerSettings
from retouch.api.events.edit_messages import QueuedEvent, read_events
from retouch.inbox.recipe import parse_recipe
from retouch.infrastructure.local.job_folder import EditsFolderQueue


@pytest.fixture
def folder(tmp_path):
    prepare_inbox(tmp_path / "local")
    return tmp_path / "local"


@pytest.fixture
def queue(tmp_path):
    (tmp_path / "orders").mkdir()
    return EditsFolderQueue(str(tmp_path / "orders"))


def take(queue):
    """Return the keys of the objects in all messages."""
    keys = []
    while message := queue.receive(60):
        (event,) = read_events(QueuedEvent(message.id, json.loads(message.body)))
        keys.append(event.key)
    return keys


def look_twice(folder, queue):
    watcher = InboxWatcher(folder, queue)
    watcher.look()
    watcher.look()


def copy(folder, name="photo.png", data=b"x"):
    (folder / "inbox" / FIRST_RECIPE / name).write_bytes(data)


def test_first_start_makes_the_folders_and_valid_recipes(folder):
    assert {one.name for one in folder.iterdir()} >= {"recipes", "inbox", "outbox", "failed"}
    for name in (FIRST_RECIPE, MASKED_RECIPE):
        recipe = parse_recipe(name, (folder / "recipes" / f"{name}.json").read_bytes(), "e")
        assert recipe.edit["model"] == "local/erase"
        assert (folder / "inbox" / name).is_dir()


def test_recipes_of_the_user_stay_and_get_their_folders(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "white.json").write_text("{}")
    prepare_inbox(tmp_path)
    assert [one.name for one in (tmp_path / "recipes").iterdir()] == ["white.json"]
    assert (tmp_path / "inbox" / "white").is_dir()


def test_file_is_an_event_once_it_has_not_changed_for_a_moment(folder, queue):
    watcher = InboxWatcher(folder, queue)
    copy(folder, data=b"half")
    watcher.look()
    copy(folder, data=b"the whole file")
    watcher.look()
    assert take(queue) == []
    watcher.look()
    assert take(queue) == [f"inbox/{FIRST_RECIPE}/photo.png"]


def test_file_is_an_event_only_once_also_after_a_restart(folder, queue):
    copy(folder)
    for _ in range(2):
        look_twice(folder, queue)
    assert len(take(queue)) == 1


def test_file_that_was_copied_while_the_server_was_off_is_an_event(folder, queue):
    look_twice(folder, queue)
    copy(folder)
    look_twice(folder, queue)
    assert len(take(queue)) == 1


def test_changed_file_is_a_new_event(folder, queue):
    copy(folder)
    look_twice(folder, queue)
    copy(folder)
    os.utime(folder / "inbox" / FIRST_RECIPE / "photo.png", ns=(1, 1))
    look_twice(folder, queue)
    assert len(take(queue)) == 2


@pytest.mark.parametrize("name", [".DS_Store", "photo.png~", "photo.png.part"])
def test_hidden_and_temporary_files_are_no_events(folder, queue, name):
    copy(folder, name)
    look_twice(folder, queue)
    assert take(queue) == []


def test_name_with_special_characters_is_passed_on_as_it_is(folder, queue):
    copy(folder, "my photo+1 (ü)%.png")
    look_twice(folder, queue)
    assert take(queue) == [f"inbox/{FIRST_RECIPE}/my photo+1 (ü)%.png"]


def test_inbox_of_make_run_has_a_default_and_can_be_moved(tmp_path):
    default = DevServerSettings.from_env({}).environment["RETOUCH_INBOX"]
    assert default == str(DEFAULT_INBOX)
    assert default.endswith(".work/local")
    moved = DevServerSettings.from_env({"RETOUCH_INBOX": str(tmp_path)}).environment[
        "RETOUCH_INBOX"
    ]
    assert moved == str(tmp_path)
