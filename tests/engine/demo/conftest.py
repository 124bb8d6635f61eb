import pytest

from engine.demo import chains, corruption, language, lessons

_SIZES = {
    language: {"CAPTIONS": 8},
    lessons: {"PICTURES_ALONE": 8, "PICTURES": 4, "PAIRS_ALONE": 8, "PAIRS": 4},
    corruption: {"BLOCK": 16, "BLOCKS": 2},
    chains: {"CHAINS": 8},
}


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train with few pictures at a time, for tests that ask how and not how well."""
    for module, sizes in _SIZES.items():
        for name, size in sizes.items():
            monkeypatch.setattr(module, name, size)
