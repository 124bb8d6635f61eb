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
def test_bfloat16_where_models_and_device_gain_by_it(
    monkeypatch: pytest.MonkeyPatch, expected: torch.dtype, *, has_amx: bool, gains: bool
):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx)
    assert choose_precision("auto", CPU, gains=gains) == expected


@pytest.mark.parametrize("gains", [True, False])
@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_what_is_named_is_taken(name: str, *, gains: bool):
    assert choose_precision(name, CPU, gains=gains) == getattr(torch, name)


def test_another_precision_is_refused():
    with pytest.raises(ModelError, match="use auto, float32 or bfloat16"):
        choose_precision("float8", CPU)
