import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.cli.comparison import COMPARISON_KEY
from engine.images.image_io import read_picture
from engine.images.png import read_text
from engine.models.catalogue import PAINTERS
from engine.recipes.kinds import recipe_from_json
from tests.engine.tiny_painters import glide_entry

QUICK = ["--seed", "5", "--steps", "1", "--device", "cpu"]
PROMPT = "a red circle on a blue background"


@pytest.fixture(autouse=True)
def _glide(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = glide_entry(tmp_path_factory.mktemp("weights"))
    monkeypatch.setitem(PAINTERS, entry.name, entry)


def compare(*arguments: str, painters: str = "tiny-glide") -> int:
    return main(["compare", *arguments, "--painters", painters, *QUICK])


def test_a_sheet_is_written_that_tells_how_its_pictures_were_painted(
    folder: Path, capsys: pytest.CaptureFixture
):
    assert compare(PROMPT, "--tries", "2", "--out", "a.png") == 0
    said = capsys.readouterr()
    assert said.out == "a.png\n"
    assert "GLIDE (CF-guided), picture 2 of 2: painting 32x32 pixels in 2 steps" in said.err
    sheet = read_picture(folder / "a.png")
    assert sheet.width > 2 * 256
    assert sheet.height > 2 * 256
    told = json.loads(read_text(folder / "a.png")[COMPARISON_KEY])
    assert [each["system"] for each in told] == ["GLIDE (CF-guided)"] * 2 + ["VQGAN-CLIP"]
    recipes = [recipe_from_json(json.dumps(each["recipe"])) for each in told]
    assert [recipe.seed for recipe in recipes] == [5, 6, 5]
    assert {recipe.title for recipe in recipes} == {PROMPT}
    assert sum(each["chosen"] for each in told[:2]) == 1


def test_the_prompts_of_a_figure_make_a_column_each(folder: Path, capsys: pytest.CaptureFixture):
    assert compare("--prompts", "fig15", "--tries", "1", "--out", "a.png") == 0
    assert read_picture(folder / "a.png").width > 3 * 256
    told = json.loads(read_text(folder / "a.png")[COMPARISON_KEY])
    assert len(told) == 2 * 3
    assert "the models do not know" in capsys.readouterr().err


def test_times_are_printed_beside_the_paper(folder: Path, capsys: pytest.CaptureFixture):
    assert compare("--table", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("GLIDE") and "96.2 ± 0.1 s" in line for line in lines)
    assert any(line.startswith("VQGAN-CLIP") and "935.2 ± 20.4 s" in line for line in lines)
    assert any(line.startswith("here: ") and "2 runs each" in line for line in lines)
    assert not list(folder.iterdir())


def test_painters_without_files_are_named_with_the_line_that_fetches_them(
    folder: Path, capsys: pytest.CaptureFixture
):
    assert compare(PROMPT, "--out", "a.png", painters="glide,mindalle") == 0
    said = capsys.readouterr().err
    for name in ("glide", "mindalle"):
        assert f"note: {name} is left out: " in said
        assert f"`python -m engine weights get {name}` downloads" in said
    assert (folder / "a.png").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([PROMPT], "add --out FILE"),
        (["--out", "a.png"], "a PROMPT is needed"),
        ([PROMPT, "--out", "a.jpg"], "png"),
        (["--table", "1", "--out", "a.png"], "leave out --out or --table"),
        ([PROMPT, "--prompts", "fig4", "--out", "a.png"], "leave out PROMPT or --prompts"),
        (["--prompts", "fig99", "--out", "a.png"], "there are no prompts called 'fig99'"),
        ([PROMPT, "--tries", "0", "--out", "a.png"], "--tries must be a whole number"),
        ([PROMPT, "--painters", ",", "--out", "a.png"], "--painters must be"),
        ([PROMPT, "--painters", "demo", "--out", "a.png"], "are those of VQGAN-CLIP"),
        (["--table", "2", "--seed", str(2**63 - 1)], "--seed must be at most"),
    ],
)
def test_bad_input_is_explained_and_nothing_written(
    folder: Path, capsys: pytest.CaptureFixture, arguments: list[str], why: str
):
    assert main(["compare", *arguments]) == 2
    assert why in capsys.readouterr().err
    assert not list(folder.iterdir())
