"""`weights check`: the demo models are right; what cannot be checked is told."""

from pathlib import Path

import pytest

from engine.cli import main
from engine.models.catalogue import CATALOGUE
from engine.self_check import check as checking
from engine.self_check.results import Cause, PartResult


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder, and take the pair's steps for granted."""

    def right(_models: object, digest: str, _tick: object) -> PartResult:
        return PartResult("pair", "demo", digest, (), {"prompt-1-own-rise": 0.7})

    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text("[engine]\nthreads = 1\ndevice = 'cpu'\n")
    monkeypatch.setattr(checking, "check_pair", right)


def test_the_demo_models_are_right(capsys: pytest.CaptureFixture):
    assert main(["weights", "check", "demo"]) == 0
    told = capsys.readouterr().out
    for part in ("vqgan (generator): right", "clip (perceptor): right", "demo (pair): right"):
        assert part in told
    assert "separation" in told


def test_so_is_the_demo_clip_beside_a_generator_without_weights(capsys: pytest.CaptureFixture):
    assert main(["weights", "check", "demo-strokes"]) == 0
    said = capsys.readouterr().out
    for part in ("strokes (generator): right", "clip (perceptor): right"):
        assert part in said


def test_what_is_wrong_is_told_with_a_report(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    def wrong(*_: object, **__: object) -> PartResult:
        return PartResult("perceptor", "clip", "2" * 64, (Cause.ACTIVATION,), {"colors": 0.5})

    monkeypatch.setattr(checking, "check_perceptor", wrong)
    assert main(["weights", "check", "demo", "--report"]) == 2
    told = capsys.readouterr()
    assert "perceptor clip: activation" in told.out
    assert "colors=0.5" in told.out
    assert "cpu, float32, torch" in told.out  # the demo models gain nothing from bfloat16
    assert str(Path.cwd()) not in told.out
    assert "demo is not right: clip: the activation is not the one" in told.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imagenet-16384", "need files that are not here: vqgan-imagenet-f16-16384.ckpt"),
        ("clip-vit-b-16", "'clip-vit-b-16' needs files that are not here: clip-vit-b-16.pt"),
        ("glide", "'glide' cannot be checked: name models for VQGAN-CLIP"),
        ("glide-base.pt", "cannot be checked"),
        ("nothing", "there are no weights called 'nothing'"),
    ],
)
def test_what_cannot_be_checked_is_told(name: str, message: str, capsys: pytest.CaptureFixture):
    known = set(CATALOGUE)
    assert main(["weights", "check", name]) == 2
    assert message in capsys.readouterr().err
    for added in set(CATALOGUE) - known:
        del CATALOGUE[added]
