"""The order of the versions of an object. Their events and their edits may come in any order."""

from __future__ import annotations

from collections.abc import Mapping

from retouch.core.frozen_dataclass import frozen_dataclass

SEQUENCER_NAME, TIME_NAME = "retouch-sequencer", "retouch-modified"


@frozen_dataclass
class ObjectVersion:
    """The version of an object that an edit was made from.

    S3's sequencer orders the events of one key. An event of the mask does not have the photo's, so the time of the last
    change counts when one of the two has none, and when they are equal.
    """

    sequencer: str  # hexadecimal; empty: not known
    modified: float  # Unix seconds, the latest of the photo, its mask and its sidecar

    def is_older_than(self, other: ObjectVersion) -> bool:
        """Return whether the other version has come later."""
        if self.sequencer and other.sequencer:
            mine, its = _pad(self.sequencer, other.sequencer)
            if mine != its:
                return mine < its
        return self.modified < other.modified

    def is_same_as(self, other: ObjectVersion) -> bool:
        """Return whether both come from one upload."""
        if self.sequencer and other.sequencer:
            mine, its = _pad(self.sequencer, other.sequencer)
            return mine == its
        return self.modified == other.modified

    def to_metadata(self) -> dict[str, str]:
        """Return the version as metadata of an object."""
        return {SEQUENCER_NAME: self.sequencer or "-", TIME_NAME: repr(self.modified)}


def version_from_metadata(metadata: Mapping[str, str]) -> ObjectVersion | None:
    """Return the version in the metadata of an object. None: it has none."""
    try:
        modified = float(metadata[TIME_NAME])
    except (KeyError, ValueError):
        return None
    return ObjectVersion(metadata.get(SEQUENCER_NAME, "").strip("-"), modified)


def _pad(*sequencers: str) -> list[str]:
    """Return sequencers of one length, as AWS says they are compared: zeros to the right, then as text."""
    length = max(map(len, sequencers))
    return [sequencer.upper().ljust(length, "0") for sequencer in sequencers]
