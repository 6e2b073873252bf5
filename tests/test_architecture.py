"""The architecture rules that code can check: imports, provider names, file sizes, model retirement."""

import ast
import subprocess
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from retouch.planning.retirement import retirements
from retouch.providers import PROVIDERS
from tests.support.layers import LAYER_IMPORTS

PACKAGE = Path(__file__).parent.parent / "layers/retouch/retouch"
PACKAGE_FILES = sorted(PACKAGE.rglob("*.py"))
TESTS = Path(__file__).parent
TEST_FILES = sorted(TESTS.rglob("*.py"))
PROVIDER_NAMES = {provider.name for provider in PROVIDERS}
# Only `infrastructure` performs IO. Only `entry_points` and functions/ import it.
FILES_WITHOUT_IO = [
    f
    for f in PACKAGE_FILES
    if f.relative_to(PACKAGE).parts[0] not in ("infrastructure", "entry_points")
]
IO_MODULES = {"requests", "urllib3", "boto3", "botocore", "socket", "os", "subprocess", "http"}
LAYER_FILES = [f for f in PACKAGE_FILES if f.relative_to(PACKAGE).parts[0] in LAYER_IMPORTS]


def relative_path(file):
    return str(file.relative_to(PACKAGE))


def imported_modules(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def string_literals(file):
    tree = ast.parse(file.read_text())
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.mark.parametrize("file", FILES_WITHOUT_IO, ids=relative_path)
def test_file_outside_infrastructure_imports_no_io_module(file):
    for module in imported_modules(file):
        assert module.partition(".")[0] not in IO_MODULES
        assert not module.startswith("retouch.infrastructure")


@pytest.mark.parametrize("file", LAYER_FILES, ids=relative_path)
def test_layer_without_io_imports_only_its_allowed_layers(file):
    allowed = LAYER_IMPORTS[file.relative_to(PACKAGE).parts[0]]
    for module in imported_modules(file):
        if module.partition(".")[0] == "retouch":
            assert f"{module}.".startswith(tuple(f"retouch.{name}." for name in allowed))


@pytest.mark.parametrize("file", PACKAGE_FILES, ids=relative_path)
def test_provider_name_appears_only_in_its_own_file(file):
    own_names = {file.stem.replace("_", "-")}
    for text in string_literals(file):
        assert text not in PROVIDER_NAMES - own_names, f"{text} is named in {relative_path(file)}"
        assert text.partition("/")[0] not in PROVIDER_NAMES - own_names or "/" not in text


@pytest.mark.parametrize("file", PACKAGE_FILES, ids=relative_path)
def test_file_has_at_most_400_lines(file):
    assert len(file.read_text().splitlines()) <= 400


@pytest.mark.parametrize("file", TEST_FILES, ids=lambda file: str(file.relative_to(TESTS)))
def test_file_of_tests_has_at_most_400_lines(file):
    assert len(file.read_text().splitlines()) <= 400


def test_provider_file_imports_no_other_provider_file():
    for file in (PACKAGE / "providers").glob("[a-z]*.py"):
        for module in imported_modules(file):
            name = module.removeprefix("retouch.providers.")
            assert name == module or name.startswith("_")


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_default_model_after_retirement_has_live_successor(provider):
    today = datetime.now(UTC).date()
    model = f"{provider.name}/{provider.default_model}"
    retirement = retirements().get(model)
    while retirement and retirement.is_shut_down(today):
        assert retirement.successor, f"{retirement.model_id} is gone and has no successor"
        retirement = retirements().get(retirement.successor)


@pytest.mark.parametrize("retirement", retirements().values(), ids=lambda row: row.model_id)
def test_retirement_entry_names_registered_models_and_source(retirement):
    for full_name in filter(None, (retirement.model_id, retirement.successor)):
        name, _, model_id = full_name.partition("/")
        (provider,) = [p for p in PROVIDERS if p.name == name]
        assert model_id in [m.id for m in provider.models]
    assert retirement.source
    assert retirement.shutdown_date or retirement.deprecation_date
    assert not (retirement.is_confirmed and "unconfirmed" in retirement.source)
    assert date(2026, 11, 1) <= retirement.checked <= datetime.now(UTC).date()


def first_docstring_line(file):
    return (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]


def test_no_two_modules_share_their_first_docstring_line():
    """A module that was split keeps the docstring of the whole, which is then wrong for one half."""
    lines = Counter(map(first_docstring_line, PACKAGE_FILES))
    assert [line for line, count in lines.items() if count > 1] == []


def test_every_package_has_an_empty_init_module():
    """An import of a package must load nothing: every cold start would pay for it."""
    for folder in {file.parent for file in PACKAGE_FILES}:
        body = ast.parse((folder / "__init__.py").read_text()).body
        assert len(body) <= 1 or folder == PACKAGE or folder.name == "providers", folder


def test_only_the_entry_points_lie_at_the_package_root():
    assert {file.name for file in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py", "cli.py"}


def test_top_level_has_at_most_15_names():
    """A newcomer reads the top level first."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    root = PACKAGE.parents[2]
    paths = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    names = {path.partition("/")[0] for path in paths.splitlines()}
    assert len({name for name in names if not name.startswith(".")}) <= 15


def top_level_names(file):
    """Names that the module binds itself, and names that it imports from a module of the package."""
    defined, imported = set(), {}
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined.update(target.id for target in targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom):
            imported.update({alias.asname or alias.name: node.module for alias in node.names})
    return defined, imported


NAMES_OF_MODULES = {
    f"retouch.{relative_path(file).removesuffix('.py').replace('/', '.')}": top_level_names(file)
    for file in PACKAGE_FILES
}


@pytest.mark.parametrize("file", PACKAGE_FILES, ids=relative_path)
def test_name_is_imported_from_the_module_that_defines_it(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module in NAMES_OF_MODULES:
            defined, imported = NAMES_OF_MODULES[node.module]
            for alias in node.names:
                assert alias.name in defined or alias.name not in imported, (
                    f"import {alias.name} from {imported[alias.name]}, not from {node.module}"
                )
