"""Fixtures of the checks, which run on the null runtime and not with the other tests."""

from collections.abc import Iterator

import pytest
import torch

from engine import Models, load_models
from tests.engine.cuda.null_runtime import NullRuntime

DEVICE_BYTES = 80 * 2**30


@pytest.fixture(scope="session")
def models() -> Models:
    """Load the demo pair in float32 on the null device."""
    return load_models("demo", "cuda", "float32")


@pytest.fixture(autouse=True)
def runtime() -> Iterator[NullRuntime]:
    """Return the null runtime as it is after the start of a program."""
    # The null cuDNN has no plans for attention, which torch would ask for.
    torch.backends.cuda.enable_cudnn_sdp(False)
    runtime = NullRuntime()
    runtime.reset()
    yield runtime
    runtime.set_total(DEVICE_BYTES)
    runtime.set_value_read(1)
