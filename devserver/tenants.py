"""The tenants of the development server: a folder instead of tables, and the first key of the admin API."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from retouch.gateway.authentication import key_digest
from retouch.infrastructure.local.tenant_folder import TenantFolderTable
from retouch.tenants.new_keys import store_organisation_key

ADMIN_KEY_VARIABLE = "RETOUCH_ADMIN_KEY"
_PEPPER_SOURCES = ("RETOUCH_PEPPER", "RETOUCH_SECRET_ID", "RETOUCH_PEPPER_SECRET_ID")


def tenants_environment(environment: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return the environment of the functions: with a folder of tenants, and without the admin key, which is stored.

    The pepper signs the links to results, which still work after a restart. So it is where the results are, unless
    there is a folder of tenants that stays.
    """
    functions = {"RETOUCH_TENANTS_FOLDER": folder, **environment}
    pepper_folder = environment.get("RETOUCH_TENANTS_FOLDER") or environment.get("RETOUCH_INBOX")
    admin_key = functions.pop(ADMIN_KEY_VARIABLE, "")
    if not admin_key:
        return functions
    folder = functions["RETOUCH_TENANTS_FOLDER"]
    Path(folder).mkdir(parents=True, exist_ok=True)
    if not any(functions.get(name) for name in _PEPPER_SOURCES):
        functions["RETOUCH_PEPPER"] = _pepper(Path(pepper_folder or folder) / "pepper")
    digest = key_digest(admin_key, functions.get("RETOUCH_PEPPER", ""))
    store_organisation_key(TenantFolderTable(folder), "admin", digest, int(time.time()))
    return functions


def _pepper(file: Path) -> str:
    """Return the pepper of a folder, which is made once: every stored key depends on it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text()
