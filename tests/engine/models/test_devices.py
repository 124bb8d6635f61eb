"""In which precision layers compute, where nobody says so, and where somebody does."""

from pathlib import Path

import pytest
import torch

from engine.errors import ModelError
from engine.models.devices import choose_precision
from engine.models.loading import load_models

CPU = torch.device("cpu")


def refuse(folder: Path | None) -> bool:
    raise AssertionError(f"the speed was measured for {folder}")


@pytest.mark.parametrize(
    ("is_faster", "expected"), [(True, torch.bfloat16), (False, torch.float32)]
)
def test_choose_precision_is_what_is_faster_on_this_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, expected: torch.dtype, *, is_faster: bool
):
    asked: list[Path | None] = []

    def answer(folder: Path | None) -> bool:
        asked.append(folder)
        return is_faster

    monkeypatch.setattr("engine.models.devices.is_bf16_faster", answer)
    assert choose_precision("auto", CPU, cache=tmp_path) == expected
    assert asked == [tmp_path]


@pytest.mark.parametrize("gains", [True, False])
@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_choose_precision_takes_the_precision_that_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, *, gains: bool
):
    monkeypatch.setattr("engine.models.devices.is_bf16_faster", refuse)
    assert choose_precision(name, CPU, gains=gains) == getattr(torch, name)


def test_models_that_gain_nothing_are_loaded_without_a_measurement(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.models.devices.is_bf16_faster", refuse)
    assert load_models("demo", "cpu", "auto").precision == "float32"


def test_apples_gpu_is_not_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.models.devices.is_bf16_faster", refuse)
    assert choose_precision("auto", torch.device("mps")) == torch.float32


def test_choose_precision_refuses_other_names():
    with pytest.raises(ModelError, match="use auto, float32 or bfloat16"):
        choose_precision("float8", CPU)
