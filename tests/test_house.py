"""The rules of the house, as far as code can say them."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retouch.lifecycle import endings
from retouch.providers import PROVIDERS

PACKAGE = Path(__file__).parent.parent / "layers/retouch/retouch"
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = {provider.name for provider in PROVIDERS}
# Rooms of the core, none of which may touch the world; `edges` is for functions/ alone.
CORE = [f for f in FILES if not {"edges", "runtime"} & set(f.relative_to(PACKAGE).parts)]
WORLD = {"requests", "urllib3", "boto3", "botocore", "socket", "os", "subprocess", "http"}


def relative(file):
    return str(file.relative_to(PACKAGE))


def imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def strings(file):
    tree = ast.parse(file.read_text())
    return [
        n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]


@pytest.mark.parametrize("file", CORE, ids=relative)
def test_the_core_imports_neither_edges_nor_the_world(file):
    for module in imports(file):
        assert not module.startswith("retouch.edges")
        assert module.partition(".")[0] not in WORLD


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_a_providers_name_stands_in_its_own_file_only(file):
    own = {file.stem.replace("_", "-")}
    for text in strings(file):
        assert text not in NAMES - own, f"{text} is named in {relative(file)}"
        assert text.partition("/")[0] not in NAMES - own or "/" not in text


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_files_stay_small(file):
    assert len(file.read_text().splitlines()) <= 250


def test_provider_files_do_not_import_each_other():
    for file in (PACKAGE / "providers").glob("[a-z]*.py"):
        for module in imports(file):
            name = module.removeprefix("retouch.providers.")
            assert name == module or name.startswith("_")


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_no_default_leads_to_a_model_that_is_gone(provider):
    today = datetime.now(UTC).date()
    model = f"{provider.name}/{provider.default_model}"
    ending = endings().get(model)
    while ending and ending.over(today):
        assert ending.successor, f"{ending.model} is gone and has no successor"
        ending = endings().get(ending.successor)


@pytest.mark.parametrize("ending", endings().values(), ids=lambda ending: ending.model)
def test_the_lifecycle_table_names_models_that_have_cards(ending):
    for full in filter(None, (ending.model, ending.successor)):
        name, _, model_id = full.partition("/")
        (provider,) = [p for p in PROVIDERS if p.name == name]
        assert model_id in [m.id for m in provider.models]
        assert ending.source
