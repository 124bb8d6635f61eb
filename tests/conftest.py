import pytest

from engine import Models, load_models


@pytest.fixture(scope="session")
def models() -> Models:
    """The demo pair; frozen, so that all tests can share it."""
    return load_models("demo", device="cpu")
