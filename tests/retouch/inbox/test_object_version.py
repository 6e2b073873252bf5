"""Tests of the order of versions."""

import pytest

from retouch.inbox.object_version import ObjectVersion, version_from_metadata

AWS_EXAMPLE = "0055AED6DCD90281E5"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (ObjectVersion(AWS_EXAMPLE, 5), ObjectVersion("0055AED6DCD90281E6", 5)),
        (ObjectVersion("0055aed6dcd90281e5", 9), ObjectVersion("0055AED6DCD90281E6", 1)),
        (ObjectVersion("00", 9), ObjectVersion("0001", 1)),  # zeros are added to the right
        (ObjectVersion("FE", 9), ObjectVersion("FE01", 1)),
        (ObjectVersion("", 1), ObjectVersion(AWS_EXAMPLE, 2)),
        (ObjectVersion(AWS_EXAMPLE, 1), ObjectVersion(AWS_EXAMPLE, 2)),  # a new mask
    ],
)
def test_later_version_is_newer(older, newer):
    assert older.is_older_than(newer)
    assert not newer.is_older_than(older)


def test_equal_versions_are_not_older():
    version = ObjectVersion(AWS_EXAMPLE, 1)
    assert not version.is_older_than(version)


def test_upload_is_recognized_by_sequencer_or_else_by_time():
    version = ObjectVersion(AWS_EXAMPLE, 1)
    assert version.is_same_as(ObjectVersion(AWS_EXAMPLE.lower() + "00", 7))
    assert version.is_same_as(ObjectVersion("", 1))
    assert not version.is_same_as(ObjectVersion("", 2))
    assert not version.is_same_as(ObjectVersion("01", 1))


@pytest.mark.parametrize("version", [ObjectVersion(AWS_EXAMPLE, 1.5), ObjectVersion("", 0.1 + 0.2)])
def test_version_is_read_back_from_its_metadata(version):
    assert version_from_metadata(version.to_metadata()) == version


@pytest.mark.parametrize("metadata", [{}, {"retouch-modified": "soon"}])
def test_object_without_a_version_has_none(metadata):
    assert version_from_metadata(metadata) is None
