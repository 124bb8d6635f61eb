"""`python -m engine.demo draw` writes a sheet of scenes."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from engine.demo.__main__ import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["engine.demo", "draw", *arguments])
    main()


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as sheet:
        return sheet.size


def test_a_sentence_is_drawn_and_the_seed_chooses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file, seed in zip(files, ("1", "1", "2"), strict=True):
        text = "a red castle in the hills at night"
        run(monkeypatch, text, "--count", "2", "--seed", seed, "--plain", "--out", str(file))
    assert size_of(files[0]) == (2 * 128 + 3 * 8, 128 + 2 * 8)
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()


def test_random_scenes_have_their_sentences_below(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    run(monkeypatch, "--count", "7", "--columns", "3", "--out", str(tmp_path / "sheet.png"))
    assert size_of(tmp_path / "sheet.png")[1] > 3 * 128 + 4 * 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a steampunk castle"], "steampunk"),
        (["and the"], "Say what to draw"),
        (["a castle in the sea"], "hills"),
        (["--count", "0"], "1 to 400"),
        (["--columns", "0"], "1 to 400"),
    ],
)
def test_mistakes_are_answered_with_what_to_do(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    with pytest.raises(SystemExit):
        run(monkeypatch, *arguments, "--out", str(tmp_path / "sheet.png"))
    assert message in capsys.readouterr().err
    assert not (tmp_path / "sheet.png").exists()
