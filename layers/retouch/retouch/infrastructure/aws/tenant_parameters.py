"""The providers' keys of virtual keys: SecureStrings of the Parameter Store, one for each virtual key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from retouch.infrastructure.aws.clients import AwsClients
from retouch.tenants.table import TenantsUnavailable

_NOT_FOUND = "ParameterNotFound"


class ProviderParameters:
    """The parameters below a path, such as /retouch/vk."""

    def __init__(self, path: str, aws: AwsClients) -> None:
        self._path, self._aws = path, aws

    def put(self, workspace_id: str, slug: str, secret: str) -> None:
        """Store or replace a key."""
        self._call(
            lambda client: client.put_parameter(
                Name=self._name(workspace_id, slug),
                Value=secret,
                Type="SecureString",
                Overwrite=True,
            )
        )

    def get(self, workspace_id: str, slug: str) -> str | None:
        """Return a key, or None."""
        response = self._call(
            lambda client: client.get_parameter(
                Name=self._name(workspace_id, slug), WithDecryption=True
            )
        )
        return response["Parameter"]["Value"] if response else None

    def delete(self, workspace_id: str, slug: str) -> None:
        """Delete a key if there is one."""
        self._call(lambda client: client.delete_parameter(Name=self._name(workspace_id, slug)))

    def _name(self, workspace_id: str, slug: str) -> str:
        return f"{self._path}/{workspace_id}/{slug}"

    def _call(self, operation: Callable[[Any], Mapping[str, Any]]) -> Mapping[str, Any] | None:
        try:
            return operation(self._aws.client("ssm"))
        except Exception as error:  # boto3 raises many errors
            response: Mapping[str, Any] = getattr(error, "response", {})
            if response.get("Error", {}).get("Code") == _NOT_FOUND:
                return None
            # `from None`: the original error may show the request, which contains a key.
            raise TenantsUnavailable(
                "The provider keys of virtual keys cannot be used. Send the request again."
            ) from None
