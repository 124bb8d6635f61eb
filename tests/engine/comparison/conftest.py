from pathlib import Path

import pytest

from engine.models.catalogue import PAINTERS
from engine.models.painter_entry import PainterEntry
from tests.engine.tiny_painters import glide_entry, mindalle_entry


@pytest.fixture(scope="session")
def _tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PainterEntry]:
    folder = tmp_path_factory.mktemp("weights")
    entries = (glide_entry(folder, with_clip=True), mindalle_entry(folder))
    return {entry.name: entry for entry in entries}


@pytest.fixture(autouse=True)
def _painters(_tiny: dict[str, PainterEntry], monkeypatch: pytest.MonkeyPatch) -> None:
    """Add tiny models of GLIDE and minDALL-E, with random weights, to the catalogue."""
    for name, entry in _tiny.items():
        monkeypatch.setitem(PAINTERS, name, entry)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
