import pytest

from tests.engine.weights.faulty_server import reach_at_once


@pytest.fixture(autouse=True)
def _reach_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_at_once(monkeypatch)
