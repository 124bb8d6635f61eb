"""In which precision layers compute, where nobody says so, and where somebody does."""

import pytest
import torch

from engine.errors import ModelError
from engine.models.devices import choose_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("has_amx", "gains", "expected"),
    [(True, True, torch.bfloat16), (True, False, torch.float32), (False, True, torch.float32)],
)
def test_choose_precision_is_bfloat16_where_models_and_device_gain(
    monkeypatch: pytest.MonkeyPatch, expected: torch.dtype, *, has_amx: bool, gains: bool
):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx)
    assert choose_precision("auto", CPU, gains=gains) == expected


@pytest.mark.parametrize("gains", [True, False])
@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_choose_precision_takes_the_precision_that_is_named(name: str, *, gains: bool):
    assert choose_precision(name, CPU, gains=gains) == getattr(torch, name)


def test_choose_precision_refuses_other_names():
    with pytest.raises(ModelError, match="use auto, float32 or bfloat16"):
        choose_precision("float8", CPU)
