from pathlib import Path

import pytest

from engine.open_edit.painter import OpenEdit
from tests.engine.open_edit import small


@pytest.fixture(scope="package")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return small.write_files(tmp_path_factory.mktemp("open_edit"))


@pytest.fixture(scope="package")
def painter(paths: dict[str, Path]) -> OpenEdit:
    return small.load(paths)
