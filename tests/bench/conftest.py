from pathlib import Path

import pytest

from bench import images


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    images.write_all(folder)
    return folder
