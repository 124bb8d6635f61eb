"""Other painters on CUDA: every tensor of a step is on the device."""

from typing import Any

import pytest
from torch import Tensor

from engine.painters import load_painter, plain_recipe

SETTINGS: dict[str, dict[str, Any]] = {
    "demo-glide": {"base_steps": 2, "upsample_steps": 2},
    "demo-mindalle": {},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_painter_takes_steps(name: str):
    painter = load_painter(name, "cuda", "float32")
    run = painter.begin(plain_recipe(name, "a red circle", seed=1, **SETTINGS[name]))
    for _ in range(4):
        run.step()
    assert run.steps_done == 4
    assert run.last_seen.is_cuda
    assert run.image().is_cuda
    tensors = [value for value in run.state_dict().values() if isinstance(value, Tensor)]
    # The state of the random generator is in main memory on every device.
    assert sum(not tensor.is_cuda for tensor in tensors) == 1 < len(tensors)
