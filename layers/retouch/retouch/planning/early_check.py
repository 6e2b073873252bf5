"""The checks of a plan that need no image, for a request whose images are fetched later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retouch.core.edit_types import EditRequest
from retouch.core.errors import InvalidRequest
from retouch.core.resolved_model import ResolvedModel
from retouch.planning import input_rules, parameter_rules
from retouch.planning.retired_contract import relax_contract


def check_without_images(resolved: ResolvedModel, request: EditRequest) -> Mapping[str, Any]:
    """Return the values of the parameters. Raises InvalidRequest for a request that no image could make valid.

    The images of the request are placeholders. A model with several operations chooses one by its images, so only the
    whole plan can check its parameters.
    """
    if resolved.serving.operations:
        return request.params
    try:
        return _check_contract(resolved, request)
    except InvalidRequest as refusal:
        relaxed = relax_contract(resolved, request, refusal)
        if relaxed is None:
            raise
    return _check_contract(relaxed, request)


def _check_contract(resolved: ResolvedModel, request: EditRequest) -> Mapping[str, Any]:
    requested, serving = resolved.requested, resolved.serving
    parameter_rules.check_names(requested, request)
    accepted = requested.accepted_formats[0]
    images = tuple(replace(image, format=accepted) for image in request.images)
    input_rules.check_inputs(requested, serving, replace(request, images=images))
    # A size is legal when it is the size of the image, so only the whole plan can check it.
    params = {name: value for name, value in request.params.items() if name != "size"}
    values, _ = parameter_rules.fit_params(requested, serving, replace(request, params=params))
    return values
