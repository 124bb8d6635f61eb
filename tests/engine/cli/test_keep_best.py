"""`imagine --count N --keep best`: the judge of the models chooses one of several pictures."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from engine import load_models
from engine.cli import main
from engine.comparison.similarity import judged
from engine.images.image_io import read_picture
from engine.models.catalogue import CATALOGUE
from engine.models.tensors import to_tensor
from engine.provenance import read_recipe
from engine.vqgan_clip.generation import Generation
from tests.engine.cli.cli_helpers import QUICK

ASKED = ["imagine", "a red circle | fog:-0.3", "--keep", "best", "--out", "a.png", *QUICK]


def score(path: Path) -> float:
    picture = to_tensor(read_picture(path))
    return judged(picture, read_recipe(path), load_models("demo", "cpu", "auto").judge)


def test_the_best_picture_is_written_under_the_name_itself(
    folder: Path, capsys: pytest.CaptureFixture
):
    assert main([*ASKED, "--count", "3"]) == 0
    said = capsys.readouterr()
    names = [f"a-{number}.png" for number in (1, 2, 3)]
    assert said.out.split() == [*names, "a.png"]
    best = max(names, key=lambda name: score(folder / name))
    assert f"best of 3, chosen by judge: '{best}'" in said.err
    assert (folder / "a.png").read_bytes() == (folder / best).read_bytes()


def test_models_without_a_judge_are_judged_by_their_guide(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    models = replace(load_models("demo", "cpu", "auto"), judge_file=None)
    monkeypatch.setattr("engine.models.loading.load_models", lambda *_: models)
    assert main([*ASKED, "--count", "2"]) == 0
    assert "best of 2, chosen by its own guide" in capsys.readouterr().err


def test_a_run_that_is_stopped_chooses_among_complete_pictures(
    folder: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    step = Generation.step

    def stopping(self: Generation) -> None:
        step(self)
        if self.recipe.seed == 6:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Generation, "step", stopping)
    assert main([*ASKED, "--count", "3"]) == 130
    said = capsys.readouterr()
    assert said.out.split() == ["a-1.png", "a-2.png", "a.png"]
    assert "best of 1" in said.err
    assert (folder / "a.png").read_bytes() == (folder / "a-1.png").read_bytes()


def test_what_cannot_be_chosen_is_refused_before_painting(
    folder: Path, capsys: pytest.CaptureFixture
):
    assert main(ASKED) == 2
    assert "add --count N" in capsys.readouterr().err
    other = ["imagine", "a red circle", "--models", "demo-glide", "--count", "2"]
    assert main([*other, "--keep", "best", "--out", "a.png"]) == 2
    assert "compare chooses the best try" in capsys.readouterr().err
    (folder / "a.png").write_bytes(b"mine")
    assert main([*ASKED, "--count", "2"]) == 2
    assert (folder / "a.png").read_bytes() == b"mine"
    assert not (folder / "a-1.png").exists()


def test_the_list_of_models_names_their_judge(capsys: pytest.CaptureFixture):
    assert main(["models"]) == 0
    judge = CATALOGUE["demo"].judge
    assert judge is not None
    assert judge.name in capsys.readouterr().out
