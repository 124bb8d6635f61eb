"""`upscale`: pictures from the command line, two or four times as large."""

from pathlib import Path

import pytest
from PIL import Image

from engine import Recipe, paint, read_recipe
from engine.cli import main
from engine.models.loading import Models
from engine.painting import save_painting
from tests.engine.cli.cli_helpers import picture, small

QUICK = ["--steps", "1", "--seed", "5"]


def test_a_picture_from_elsewhere_is_enlarged_and_painted_again(
    folder: Path, capsys: pytest.CaptureFixture
):
    picture((40, 30)).save(folder / "from.jpg")
    assert main(["upscale", "from.jpg", "a red circle", "--out", "a.png", *QUICK]) == 0
    said = capsys.readouterr()
    assert said.out == "a.png\n"
    assert "the result has 80x60 pixels, painted in 2 parts" in said.err
    with Image.open(folder / "a.png") as large:
        assert large.size == (80, 60)
    assert main(["imagine", "--recipe", "a.png", "--out", "b.png"]) == 0
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()


def test_without_words_a_picture_is_to_look_like_itself(folder: Path):
    picture((20, 16)).save(folder / "from.png")
    options = ["--factor", "4", "--out", "a.png", *QUICK]
    assert main(["upscale", "from.png", *options]) == 0
    recipe = read_recipe(folder / "a.png")
    assert isinstance(recipe, Recipe)
    assert (recipe.prompts, recipe.size) == ((), (80, 64))
    assert recipe.title == "like a picture"


def test_a_picture_of_this_program_keeps_its_words_and_how_it_is_shown(
    folder: Path, models: Models
):
    origin = small()
    save_painting(paint(origin, models), folder / "from.png", origin, models.digests)
    assert main(["upscale", "from.png", "--out", "a.png", *QUICK]) == 0
    recipe = read_recipe(folder / "a.png")
    assert isinstance(recipe, Recipe)
    assert (recipe.prompts, recipe.size, recipe.enlarge) == (origin.prompts, (64, 48), 8)
    with Image.open(folder / "a.png") as large:
        assert large.size == (512, 384)


REFUSED = (
    (["from.png", "--factor", "3"], "--factor must be 2 or 4, not '3'"),
    (["wide.png", "--factor", "4"], "4 times as large, this picture of 1100x600"),
    (["tiny.png"], "too few to edit: each side needs 16"),
    (["missing.png"], "missing.png"),
    (["from.png", "a ^ b"], "no story"),
    (["from.png", "--models", "demo-glide"], "enlarge no pictures"),
    (["from.png", "--models", "demo-strokes"], "cannot encode a picture"),
    (["from.png", "--steps", "100000"], "steps together"),
)


@pytest.mark.parametrize(("arguments", "told"), REFUSED)
def test_what_cannot_be_enlarged_is_refused(
    folder: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture
):
    for name, size in (("from", (40, 30)), ("wide", (1100, 600)), ("tiny", (15, 20))):
        picture(size).save(folder / f"{name}.png")
    assert main(["upscale", *arguments, "--out", "a.png"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert told in said.err
    assert not (folder / "a.png").exists()
