"""The message for a layer whose compiled modules cannot be imported. It uses only the standard library."""

from __future__ import annotations

from pathlib import Path


def import_failure_text(error: ImportError, libraries: Path, machine: str) -> str:
    """Return one sentence that says what is wrong with the layer.

    `libraries` is the folder of the compiled modules. Their file names contain the architecture, such as
    `orjson.cpython-313-aarch64-linux-gnu.so`. `machine` is the architecture of this machine, as `uname -m` prints it.
    """
    module = next(libraries.glob("orjson/*-linux-gnu.so"), None)
    if module is None or machine in module.name:
        return f"retouch: the layer cannot be loaded: {error}"
    names = {"x86_64": "x86_64", "aarch64": "arm64"}
    built = next((name for part, name in names.items() if part in module.name), module.name)
    wanted = names.get(machine, machine)
    return (
        f"retouch: the layer was built for {built}, but the function runs on {wanted}: "
        f"build with ARCH={wanted}, and use the same value for the parameter Architecture."
    )
