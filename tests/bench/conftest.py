from pathlib import Path

import pytest

from bench import images


@pytest.fixture(scope="session")
def images_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    images.write_missing(folder)
    return folder
