"""In which precision layers compute, where nobody says so, and where somebody does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import ModelError
from engine.models.catalogue import CATALOGUE
from engine.models.devices import choose_precision, set_measured_threads
from engine.models.loading import load_models
from engine.models.model_entry import ModelEntry
from engine.models.processor import count_cores

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


@pytest.fixture
def _hyperthreads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine be one of four cores with two hyperthreads each."""
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("engine.models.devices.usable_cpus", lambda: frozenset(range(8)))
    monkeypatch.setattr("engine.models.devices.count_cores", lambda cpus: len(cpus) // 2)
    yield
    torch.set_num_threads(before)


def answer(monkeypatch: pytest.MonkeyPatch, *, is_faster: bool) -> None:
    monkeypatch.setattr("engine.models.devices.is_faster_on", lambda *_: is_faster)


LARGE = replace(CATALOGUE["demo"], halves=True)
"""Models whose precision is measured."""


@pytest.mark.usefixtures("_hyperthreads")
@pytest.mark.parametrize(("is_faster", "expected"), [(True, 4), (False, 8)])
def test_hyperthreads_are_used_unless_they_are_slower(
    monkeypatch: pytest.MonkeyPatch, expected: int, *, is_faster: bool
):
    answer(monkeypatch, is_faster=is_faster)
    set_measured_threads(0, CPU, "auto", [CATALOGUE["demo"], LARGE])
    assert torch.get_num_threads() == expected


@pytest.mark.usefixtures("_hyperthreads")
def test_threads_that_someone_chose_stay(monkeypatch: pytest.MonkeyPatch):
    answer(monkeypatch, is_faster=True)
    set_measured_threads(6, CPU, "auto", [LARGE])
    assert torch.get_num_threads() == 6
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    set_measured_threads(0, CPU, "auto", [LARGE])
    assert torch.get_num_threads() == 6


@pytest.mark.usefixtures("_hyperthreads")
@pytest.mark.parametrize(
    ("precision", "entry"), [("float32", LARGE), ("bfloat16", LARGE), ("auto", CATALOGUE["demo"])]
)
def test_threads_are_measured_only_where_the_precision_is(
    monkeypatch: pytest.MonkeyPatch, precision: str, entry: ModelEntry
):
    answer(monkeypatch, is_faster=True)
    set_measured_threads(0, CPU, precision, [entry])
    assert torch.get_num_threads() == 8


def test_hyperthreads_share_a_core(tmp_path: Path):
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert count_cores({0, 1, 2, 3}, tmp_path) == 2
    assert count_cores({0, 1}, tmp_path) == 2
    assert count_cores({0, 2}, tmp_path) == 1
    assert count_cores({0, 2, 7}, tmp_path) == 2
    assert count_cores({5, 6}, tmp_path / "missing") == 2
