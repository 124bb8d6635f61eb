from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from engine import Models, load_models

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run every test in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


_load_once = cache(load_models)


@pytest.fixture(autouse=True)
def _loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the demo models once for all tests of this process: they are frozen."""

    def load(name: str, device: str, precision: str) -> Models:
        return (_load_once if name == "demo" else load_models)(name, device, precision)

    monkeypatch.setattr("engine.models.loading.load_models", load)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
