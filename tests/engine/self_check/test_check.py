"""Results are kept beside converted weights, and a report says nothing about a person."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.models.catalogue import CATALOGUE, weights_path
from engine.models.loading import Models, load_clip, load_generator
from engine.self_check import check as checking
from engine.self_check.check import check_models
from engine.self_check.records import machine_name, record_path
from engine.self_check.report import report, verdict
from engine.self_check.results import Cause, PartResult
from engine.weights.settings import WeightsSettings

MACHINE = machine_name(torch.device("cpu"), torch.float32)


class Asked(Exception):
    """The models were checked, and not only their kept results read."""


def _ask() -> None:
    raise Asked


@pytest.fixture
def settings(tmp_path: Path) -> WeightsSettings:
    """Return settings of a host who calls the demo models by another name."""
    parts = {
        "mine-vqgan": CATALOGUE["demo"].generator,
        "mine-clip": CATALOGUE["demo"].perceptors[0],
    }
    for name, path in parts.items():
        to = weights_path(name, tmp_path)
        to.parent.mkdir()
        shutil.copy(path, to)
    entry = {"open_clip": "ViT-S-32", "checkpoint": "mine.pt"}
    perceptors = {"mine-clip": entry}
    files = {"mine.pt": {"path": tmp_path / "mine.pt"}}
    return WeightsSettings.model_validate(
        {"folder": tmp_path, "files": files, "perceptors": perceptors}
    )


@pytest.fixture
def mine(settings: WeightsSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Models]:
    def right(models: Models, digest: str, _tick: object) -> PartResult:
        return PartResult("pair", models.name, digest, ())

    generator, perceptor = (
        weights_path(name, settings.folder) for name in ("mine-vqgan", "mine-clip")
    )
    entry = dataclasses.replace(
        CATALOGUE["demo"], name="mine", generator=generator, perceptors=(perceptor,)
    )
    monkeypatch.setitem(CATALOGUE, "mine", entry)
    monkeypatch.setattr(checking, "check_pair", right)
    yield Models("mine", load_generator(generator), (load_clip(perceptor),), {})


def test_a_file_is_checked_once(mine: Models, settings: WeightsSettings):
    results = check_models(mine, settings, again=False)
    assert [each.kind for each in results] == ["generator", "perceptor", "pair"]
    # The demo perceptor is none of open_clip's, and knows no scenes.
    assert results[1].causes[0] == Cause.CONFIGURATION
    assert results[0].is_right
    assert check_models(mine, settings, again=False, tick=_ask) == results
    with pytest.raises(Asked):
        check_models(mine, settings, again=True, tick=_ask)


@pytest.mark.parametrize(
    "change", [{"version": 0}, {"digest": "0"}, {"machine": "another"}, {"x": 1}]
)
def test_a_result_of_something_else_does_not_count(
    mine: Models, settings: WeightsSettings, change: dict[str, object]
):
    check_models(mine, settings, again=False)
    kept = record_path(weights_path("mine-vqgan", settings.folder), "mine-vqgan")
    kept.write_text(json.dumps(json.loads(kept.read_text()) | change))
    with pytest.raises(Asked):
        check_models(mine, settings, again=False, tick=_ask)


def test_a_report_names_versions_and_figures_but_no_paths(tmp_path: Path):
    results = [
        PartResult("generator", "mine-vqgan", "1" * 64, (), {"psnr": 31.5}, (31.2, 31.8)),
        PartResult("perceptor", "mine-clip", "2" * 64, (Cause.ACTIVATION,), {"colors": 0.5}),
    ]
    block = report(results, MACHINE)
    for part in ("torch", "psnr=31.5", "answers 31.2 31.8", "1" * 64, "mine-clip: activation"):
        assert part in block
    assert block.startswith("```")
    assert str(Path.home()) not in block
    assert str(tmp_path) not in block
    assert "mine-clip: the activation is not the one" in str(verdict(results))
    assert "mine-vqgan" not in str(verdict(results))
