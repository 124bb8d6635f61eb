import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from engine import Models

# Ray reads this when it is imported first, by whichever test.
os.environ.setdefault("RAY_AUTH_MODE", "token")

# On a busy machine an example takes as long as it takes.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Use 1.5 processes per core, because the bot's tests wait much of their time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, 3 * (cores or 1) // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, so that no process has to wait for them at the end.

    There, the tests of a file are shared out, and each process would make a wheel of its own.
    """
    items.sort(key=lambda item: item.path.name not in ("test_examples.py", "test_wheel.py"))


def pytest_collection_finish() -> None:
    """Keep Python from looking for garbage among all that the tests have imported."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let Python clean up at its end."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def _unmeasured() -> Iterator[None]:
    """Let every CPU compute in one way, in float32, so that no test depends on the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.models.calibration.measure_bf16", lambda: 1.0)
        patch.setattr("engine.models.calibration.measure_threads", lambda _: 1.0)
        patch.setattr("engine.models.calibration.measure_products", lambda: 1.0)
        yield


@pytest.fixture(scope="session")
def models() -> "Models":
    """Load the demo pair in float32; it is frozen, so all tests share it."""
    from engine import load_models

    return load_models("demo", "cpu", "float32")
