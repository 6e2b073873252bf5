"""A validated edit request that tests change with `replace`."""

from retouch.core.edit_types import EditRequest

PLAIN_REQUEST = EditRequest(
    prompt="p",
    images=(),
    mask=None,
    model=None,
    n=1,
    response_format=None,
    stream=False,
    preserve=None,
    fit_mode="auto",
    dry_run=False,
    allow_full_mask=False,
    params={},
)
