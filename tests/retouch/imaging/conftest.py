import pytest

from tests.cases.images import generate


@pytest.fixture(scope="session")
def image_cases(tmp_path_factory):
    """Return all hostile image files by name."""
    return {case.file: case for case in generate(tmp_path_factory.mktemp("images"))}
