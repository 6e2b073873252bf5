"""Tests of the Makefile in a copy of it, with programs that only print their arguments in place of SAM and Python."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAVED = """\
version = 0.1

[default.deploy.parameters]
capabilities = "CAPABILITY_IAM"
stack_name = "{stack}"
region = "eu-west-1"
parameter_overrides = "Architecture=\\"{arch}\\" AuthMode=\\"keys\\""
"""

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="not run: there is no make")


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Checkout:
    """A folder with the Makefile and its parts, and with stand-ins for the programs that it runs."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copy(ROOT / "Makefile", folder)
        shutil.copytree(ROOT / "make", folder / "make")
        shutil.copytree(ROOT / "tools" / "aws", folder / "tools" / "aws")

    def install_programs(self, role="create"):
        """Put the stand-ins where make expects the installed programs."""
        write_program(self.folder / ".work/sam/bin/sam", 'echo "sam $*"')
        write_program(self.folder / ".work/sam/bin/python", f"echo {role}")
        write_program(self.folder / ".venv/bin/python", '[ "$1" = -c ] || echo "python $*"')
        for path in (".work/sam/.ready", ".venv/.uv", ".venv/.dev", ".venv/.run"):
            (self.folder / path).touch()

    def save_stack(self, stack="retouch", arch="arm64", file="samconfig.toml"):
        """Write the file that the SAM command line writes after a deployment."""
        (self.folder / "make" / file).write_text(SAVED.format(stack=stack, arch=arch))

    def make(self, *arguments, **env):
        completed = subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **env},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        return completed.returncode, completed.stdout, completed.stderr

    def deployed_lines(self, *arguments):
        """Return the `sam deploy` lines of a successful `make deploy`."""
        status, out, err = self.make("deploy", *arguments)
        assert status == 0, err
        return [line for line in out.splitlines() if line.startswith("sam deploy")]


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


@pytest.fixture
def installed(checkout):
    checkout.install_programs()
    return checkout


def test_first_deploy_is_guided_and_names_the_stack(installed):
    (line,) = installed.deployed_lines("STACK=shop")
    assert "--guided" in line
    assert "--stack-name shop" in line
    assert f"--config-file {installed.folder}/make/samconfig.toml" in line


@pytest.mark.parametrize("role", ["create", "keep"])
def test_first_deploy_creates_the_role_for_api_logs_only_if_there_is_none(checkout, role):
    checkout.install_programs(role)
    (line,) = checkout.deployed_lines()
    assert f"ApiLogsRole={role}" in line


def test_first_deploy_stops_when_the_account_cannot_be_asked(checkout):
    checkout.install_programs()
    write_program(
        checkout.folder / ".work/sam/bin/python", "echo There are no credentials. >&2; exit 1"
    )
    status, out, err = checkout.make("deploy")
    assert status != 0
    assert "There are no credentials." in err
    assert "sam " not in out  # not even a build


@pytest.mark.parametrize("command", ["deploy", "logs", "delete"])
def test_command_of_a_stack_stops_before_sam_when_the_account_cannot_be_used(checkout, command):
    checkout.install_programs()
    checkout.save_stack()
    write_program(checkout.folder / ".work/sam/bin/python", "echo no region >&2; exit 1")
    status, out, err = checkout.make(command)
    assert status != 0
    assert "no region" in err
    assert "sam" not in out


@pytest.mark.parametrize("command", ["logs", "delete"])
def test_command_of_a_deployed_stack_passes_its_region_and_profile(checkout, command):
    checkout.install_programs("--region eu-west-1 --profile work")
    checkout.save_stack()
    status, out, err = checkout.make(command)
    assert status == 0, err
    assert f"sam {command}" in out
    assert "--region eu-west-1 --profile work" in out


def test_invoke_names_a_missing_event_before_the_build(installed):
    status, out, err = installed.make("invoke", "EVENT=missing.json")
    assert status != 0
    assert "EVENT=missing.json does not exist" in err
    assert "sam" not in out


@pytest.mark.parametrize("command", ["invoke", "local"])
def test_docker_without_its_daemon_is_named_before_the_build(installed, command):
    (installed.folder / "events").mkdir()
    (installed.folder / "events/edit.json").touch()
    programs = installed.folder / "programs"
    for name in (
        "make",
        "sh",
        "bash",
        "sed",
        "head",
        "uname",
        "mkdir",
        "dirname",
        "readlink",
        "env",
    ):
        (programs / name).parent.mkdir(exist_ok=True)
        (programs / name).symlink_to(shutil.which(name))
    write_program(programs / "docker", "exit 1")
    status, out, err = installed.make(command, "EVENT=events/edit.json", PATH=str(programs))
    assert status != 0
    assert "Docker is installed, but its daemon does not answer" in err
    assert "sam" not in out


def test_build_names_the_path_of_sam(installed):
    status, out, err = installed.make("build")
    assert status == 0, err
    assert ".work/sam/bin/sam" in out.splitlines()[-1]


@pytest.mark.parametrize("arguments", [(), ("STACK=retouch",)])
def test_later_deploy_uses_the_saved_answers(installed, arguments):
    installed.save_stack()
    (line,) = installed.deployed_lines(*arguments)
    assert line == f"sam deploy --config-file {installed.folder}/make/samconfig.toml"


def test_deploy_of_a_second_stack_does_not_touch_the_first_one(installed):
    installed.save_stack()
    before = (installed.folder / "make/samconfig.toml").read_text()
    (line,) = installed.deployed_lines("STACK=staging")
    assert "--guided" in line
    assert "--stack-name staging" in line
    own_file = installed.folder / "make/samconfig-staging.toml"
    assert f"--config-file {own_file}" in line
    assert 'capabilities = "CAPABILITY_IAM"' in own_file.read_text()
    assert not any(name in own_file.read_text() for name in ("retouch", "eu-west-1", "AuthMode"))
    assert (installed.folder / "make/samconfig.toml").read_text() == before


def test_later_deploy_of_a_second_stack_uses_its_own_answers(installed):
    installed.save_stack()
    installed.save_stack("staging", file="samconfig-staging.toml")
    (line,) = installed.deployed_lines("STACK=staging")
    assert line == f"sam deploy --config-file {installed.folder}/make/samconfig-staging.toml"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("STACK=staging",), "is of the stack 'other', not 'staging'"),
        (("STACK=my stack",), "is not a name of a stack"),
        (("STACK=1shop",), "is not a name of a stack"),
        (("STACK=a/b",), "is not a name of a stack"),
        (("ARCH=x86_64",), "runs on arm64"),
    ],
)
def test_deploy_refuses_before_the_build(installed, arguments, message):
    installed.save_stack()
    installed.save_stack("other", file="samconfig-staging.toml")
    status, out, err = installed.make("deploy", *arguments)
    assert status != 0
    assert message in err
    assert "sam" not in out.replace("samconfig", "")


def test_deploy_keeps_the_architecture_of_the_stack(installed):
    installed.save_stack(arch="x86_64")
    _, out, _ = installed.make("deploy")
    assert "--parameter-overrides Architecture=x86_64" in out


@pytest.mark.parametrize("command", ["key", "keys", "revoke", "secret", "doctor"])
def test_operator_commands_use_the_deployed_stack(installed, command):
    installed.save_stack("shop")
    status, out, err = installed.make(command, "NAME=OPENAI_API_KEY")
    assert status == 0, err
    assert "--stack shop" in out


@pytest.mark.parametrize("argument", ["VALUE=sk-1", "OPENAI_API_KEY=sk-1"])
def test_secret_refuses_a_value_in_the_arguments(installed, argument):
    status, out, err = installed.make("secret", "NAME=OPENAI_API_KEY", argument)
    assert status != 0
    assert "Arguments are not private" in err
    assert "sk-1" not in out + err


def test_secret_takes_a_value_from_the_environment_without_an_argument(installed):
    status, out, err = installed.make("secret", "NAME=OPENAI_API_KEY", OPENAI_API_KEY="sk-1")
    assert status == 0, err
    assert "sk-1" not in out + err


@pytest.mark.parametrize(
    "arguments", [(), ("ORDER=ord_1",), ("BILLED=no",), ("ORDER=ord_1", "BILLED=maybe")]
)
def test_reconcile_without_its_order_or_its_finding_says_how_it_is_called(arguments, installed):
    status, out, err = installed.make("reconcile", *arguments)
    assert status != 0
    assert out == ""
    assert "make reconcile ORDER=ord_... BILLED=no, or BILLED=yes." in err


def test_reconcile_passes_the_order_and_the_finding(installed):
    status, out, err = installed.make("reconcile", "ORDER=ord_1", "BILLED=yes", "COST=0.04")
    assert (status, err) == (0, "")
    assert "tools.reconcile ord_1 --billed yes --cost 0.04 " in out


def test_missing_python_of_the_build_names_the_uv_that_installs_it(checkout):
    uv = checkout.folder / ".venv/.uv"
    write_program(uv, "exit 1")
    completed = subprocess.run(
        [checkout.folder / "tools/aws/find-python.sh", "3.99"],
        env={"PATH": os.environ["PATH"], "HOME": str(checkout.folder), "UV": str(uv)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 1
    assert completed.stderr.endswith(f"without one: {uv} python install 3.99\n")


@pytest.mark.parametrize("command", ["run", "test", "key", "build"])
def test_old_python_is_refused_in_words_and_leaves_no_environment(checkout, command):
    old_python = checkout.folder / "old-python"
    write_program(old_python, 'if [ "$1" = --version ]; then echo Python 3.8.18; else exit 1; fi')
    status, _, err = checkout.make(command, f"PYTHON={old_python}")
    assert status != 0
    assert f"Retouch needs Python 3.11 or newer, and {old_python} is Python 3.8.18." in err
    assert not (checkout.folder / ".venv").exists()


def test_environment_of_an_old_python_is_refused_in_words(installed):
    write_program(
        installed.folder / ".venv/bin/python",
        'if [ "$1" = --version ]; then echo Python 3.8.18; else exit 1; fi',
    )
    (installed.folder / ".venv/.run").unlink()
    status, _, err = installed.make("run")
    assert status != 0
    assert "is Python 3.8.18. Run `make clean` first." in err


def test_failed_creation_of_the_environment_leaves_none(checkout):
    python = checkout.folder / "python"
    write_program(python, 'if [ "$1" = -m ]; then mkdir -p "$3/bin"; exit 1; fi')
    status, _, _ = checkout.make("run", f"PYTHON={python}")
    assert status != 0
    assert not (checkout.folder / ".venv").exists()


def test_clean_stops_the_service_of_sam_local_before_it_deletes_its_files(installed):
    script = installed.folder / "tools/aws/sam-local-setup.sh"
    write_program(script, 'ls -d "$1" && echo "stopped $1 $2"')
    (installed.folder / ".work/local").mkdir()
    status, out, err = installed.make("clean")
    assert status == 0, err
    assert "stopped .work/local stop" in out
    assert not (installed.folder / ".work").exists()


def test_clean_works_when_nothing_was_built(checkout):
    assert checkout.make("clean")[0] == 0


def test_stop_of_sam_local_spares_a_process_that_got_the_id_of_its_service(checkout):
    other = subprocess.Popen(["sleep", "60"])
    work = checkout.folder / ".work" / "local"
    work.mkdir(parents=True)
    (work / "service.pid").write_text(str(other.pid))
    try:
        script = checkout.folder / "tools/aws/sam-local-setup.sh"
        subprocess.run([script, work, "stop"], check=True, timeout=30)
        assert other.poll() is None
        assert not (work / "service.pid").exists()
    finally:
        other.kill()
        other.wait()
