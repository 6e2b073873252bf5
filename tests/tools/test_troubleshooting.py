"""Tests of the page about troubleshooting: what it names exists, and no alarm is missing."""

import re
from pathlib import Path

from cfnlint.decode import decode

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text()


def template():
    decoded, _ = decode(str(ROOT / "template.yaml"))
    return decoded or {}


def test_page_says_for_each_alarm_what_to_do():
    resources = template()["Resources"]
    alarms = {name for name, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    rows = set(re.findall(r"^\| `(\w+Alarm)` \| .+ \| .+ \|$", PAGE, re.MULTILINE))
    assert rows == alarms


def test_error_codes_of_the_page_are_documented():
    documented = (ROOT / "docs/errors.md").read_text() + (ROOT / "docs/mirror.md").read_text()
    codes = set(re.findall(r"\b[45]\d\d `(\w+)`", PAGE))
    assert len(codes) > 8
    assert [code for code in codes if f"`{code}`" not in documented] == []


def test_page_links_the_error_codes():
    assert "(errors.md)" in PAGE


def test_parameters_of_the_page_are_in_the_template():
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)(?:=[^`]*)?`", PAGE))
    known = {*template()["Parameters"], *template()["Resources"], *template()["Outputs"]}
    assert named - known - {"BinaryMediaTypes", "MaximumConcurrency"} == set()


def test_make_commands_of_the_page_exist():
    makefiles = [ROOT / "Makefile", *(ROOT / "make").glob("*.mk")]
    targets = set(re.findall(r"^([a-z-]+):", "".join(f.read_text() for f in makefiles), re.M))
    assert set(re.findall(r"`make ([a-z-]+)", PAGE)) <= targets


def test_quoted_messages_of_our_commands_exist():
    sources = [ROOT / "Makefile", *(ROOT / "make").glob("*.mk"), ROOT / "layers/retouch/Makefile"]
    sources += [*(ROOT / "tools").rglob("*.py"), *(ROOT / "tools/aws").glob("*.sh")]
    text = "".join(path.read_text() for path in sources)
    for message in (
        "Retouch needs Python 3.11 or newer",
        "the build needs uv",
        "needs Docker, or podman and runc",
        "There are no usable AWS credentials",
        "AWS cannot be reached",
        "is not a name of a stack",
    ):
        assert message in text
    for message in ("There are no usable AWS credentials", "AWS cannot be reached"):
        assert message in PAGE


def test_readme_links_the_page():
    assert "(docs/troubleshooting.md)" in (ROOT / "README.md").read_text()
