"""How a process begins: SnapStart, the exec wrapper, and the price of importing the loop."""

import subprocess
import sys
from pathlib import Path

LAYER = Path(__file__).parents[3] / "layers" / "retouch"
WRAPPER = LAYER / "retouch-runtime"
RESTORE = "/2018-06-01/runtime/restore/next"
NEXT = "/2018-06-01/runtime/invocation/next"
FINE = "def handler(event, context): return 'fine'"

HOOKS = """
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

HEAVY = "http.client email ssl asyncio logging json.tool typing.io traceback base64 dataclasses"


def test_snapstart_waits_for_the_copy_before_it_asks_for_work(api):
    api.start(FINE, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert api.send({}).json == "fine"
    assert api.asked[:2] == [RESTORE, NEXT]


def test_on_demand_does_not(api):
    assert api.start(FINE, AWS_LAMBDA_INITIALIZATION_TYPE="on-demand").send({}).json == "fine"
    assert api.asked[0] == NEXT


def test_hooks_run_around_the_copy(api):
    source = HOOKS.format(after="seen.append(4)")
    api.start(source, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert api.send({}).json == [2, 1, 3, 4]


def test_a_failing_restore_is_reported(api):
    source = HOOKS.format(after="raise OSError('stale')")
    post = api.start(source, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start").posted()
    assert post.path == "/2018-06-01/runtime/restore/error"
    assert post.json["errorMessage"] == "stale"
    assert api.process.wait(60) == 1


def test_wrapper_starts_the_loop_with_the_interpreter_it_is_given(api):
    command = [str(WRAPPER), sys.executable, "/var/runtime/bootstrap.py"]
    api.start("import sys\ndef handler(e, c): return sys.executable", command)
    assert api.send({}).json == sys.executable


def test_wrapper_looks_for_an_interpreter_when_given_a_script(api, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "bin" / "python3").chmod(0o755)
    path = f"{tmp_path}/bin:/usr/bin:/bin"
    api.start(FINE, [str(WRAPPER), "/bin/sh"], PATH=path)
    assert api.send({}).json == "fine"


def test_wrapper_puts_the_layer_first(api):
    api.start("import os\ndef handler(e, c): return os.environ['PYTHONPATH']", [str(WRAPPER)])
    assert api.send({}).json == f"/opt/python:/var/runtime:{api.folder}:{LAYER}"


def test_the_loop_imports_little():
    code = "import orjson, sys; before = set(sys.modules); import retouch.runtime.loop;"
    code += "print(*sorted(set(sys.modules) - before))"
    out = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(LAYER)}, capture_output=True, text=True
    )
    new = set(out.stdout.split())
    assert "retouch.runtime.loop" in new
    assert not new & set(HEAVY.split())
    assert len([name for name in new if not name.startswith("retouch")]) < 12
