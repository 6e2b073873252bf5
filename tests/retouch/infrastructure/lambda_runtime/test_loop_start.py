"""Tests of the start of a process: SnapStart, the exec wrapper, and the modules that the loop imports."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

LAYER = Path(__file__).parents[4] / "layers" / "retouch"
WRAPPER = LAYER / "retouch-runtime"
RESTORE_PATH = "/2018-06-01/runtime/restore/next"
NEXT_PATH = "/2018-06-01/runtime/invocation/next"
SIMPLE_HANDLER = "def handler(event, context): return 'fine'"

HANDLER_WITH_SNAPSTART_HOOKS = """
import sys, types
def after():
    {after}
hooks = types.ModuleType("snapshot_restore_py")
seen = []
hooks.get_before_snapshot = lambda: [(seen.append, (1,), {{}}), (seen.append, (2,), {{}})]
hooks.get_after_restore = lambda: [(seen.append, (3,), {{}}), (after, (), {{}})]
sys.modules["snapshot_restore_py"] = hooks
def handler(event, context):
    return seen
"""

COUNT_HEAPS_HANDLER = """
import ctypes, os, threading
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
def handler(event, context):
    threads = [threading.Thread(target=bytes, args=(1 << 20,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    path = os.path.join(os.environ["LAMBDA_TASK_ROOT"], "heaps.xml")
    file = libc.fopen(path.encode(), b"w")
    libc.malloc_info(0, file)
    libc.fclose(file)
    return open(path).read().count("<heap ")
"""

HEAVY_MODULES = (
    "http.client email ssl asyncio logging json.tool typing.io traceback base64 dataclasses"
)


def test_snap_start_process_requests_restore_before_first_event(api):
    api.start(SIMPLE_HANDLER, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert api.send({}).json == "fine"
    assert api.requested_paths[:2] == [RESTORE_PATH, NEXT_PATH]


def test_on_demand_process_requests_no_restore(api):
    assert (
        api.start(SIMPLE_HANDLER, AWS_LAMBDA_INITIALIZATION_TYPE="on-demand").send({}).json
        == "fine"
    )
    assert api.requested_paths[0] == NEXT_PATH


def test_snap_start_hooks_run_before_and_after_restore(api):
    source = HANDLER_WITH_SNAPSTART_HOOKS.format(after="seen.append(4)")
    api.start(source, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert api.send({}).json == [2, 1, 3, 4]


def test_failing_restore_hook_is_reported(api):
    source = HANDLER_WITH_SNAPSTART_HOOKS.format(after="raise OSError('stale')")
    post = api.start(source, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start").next_post()
    assert post.path == "/2018-06-01/runtime/restore/error"
    assert post.json["errorMessage"] == "stale"
    assert api.process.wait(60) == 1


def test_wrapper_starts_loop_with_given_interpreter(api):
    command = [str(WRAPPER), sys.executable, "/var/runtime/bootstrap.py"]
    api.start("import sys\ndef handler(e, c): return sys.executable", command)
    assert api.send({}).json == sys.executable


def test_wrapper_given_a_script_finds_an_interpreter(api, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "bin" / "python3").chmod(0o755)
    path = f"{tmp_path}/bin:/usr/bin:/bin"
    api.start(SIMPLE_HANDLER, [str(WRAPPER), "/bin/sh"], PATH=path)
    assert api.send({}).json == "fine"


def test_wrapper_puts_layer_before_task_root_in_python_path(api):
    command = [str(WRAPPER), sys.executable]  # another interpreter may lack the packages
    api.start("import os\ndef handler(e, c): return os.environ['PYTHONPATH']", command)
    assert api.send({}).json == f"/opt/python:/var/runtime:{api.folder}:{LAYER}"


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs glibc")
def test_threads_of_a_process_that_the_wrapper_started_share_one_heap(api):
    api.start(COUNT_HEAPS_HANDLER, [str(WRAPPER), sys.executable])
    assert api.send({}).json == 1


def test_garbage_collector_waits_for_the_imports_and_never_searches_their_objects(api):
    source = """
import gc
during_import = gc.isenabled()
def handler(event, context): return [during_import, gc.isenabled(), gc.get_freeze_count() > 1000]
"""
    assert api.start(source).send({}).json == [False, True, True]


def test_loop_import_loads_no_heavy_modules():
    code = "import orjson, sys; before = set(sys.modules); import retouch.infrastructure.lambda_runtime.loop;"
    code += "print(*sorted(set(sys.modules) - before))"
    out = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(LAYER)}, capture_output=True, text=True
    )
    imported = set(out.stdout.split())
    assert "retouch.infrastructure.lambda_runtime.loop" in imported
    assert not imported & set(HEAVY_MODULES.split())
    assert len([name for name in imported if not name.startswith("retouch")]) < 12
