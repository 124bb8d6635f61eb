"""`imagine --models` with models of other painters than VQGAN-CLIP."""

from pathlib import Path

import pytest

from engine import read_provenance
from engine.cli import main
from engine.images.image_io import read_picture
from engine.models.catalogue import PAINTERS
from engine.models.painter_entry import PainterEntry
from engine.painters import plain_recipe
from tests.engine.cli.cli_helpers import picture
from tests.engine.tiny_painters import glide_entry, mindalle_entry

PROMPT = "a red star"


@pytest.fixture(params=[glide_entry, mindalle_entry], ids=["glide", "mindalle"])
def entry(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> PainterEntry:
    """Models of another painter, installed."""
    made: PainterEntry = request.param(tmp_path_factory.mktemp("weights"))
    monkeypatch.setitem(PAINTERS, made.name, made)
    return made


def imagine(entry: PainterEntry, *arguments: str) -> int:
    return main(["imagine", PROMPT, "--models", entry.name, "-o", "a.png", *arguments])


def test_a_painter_paints_by_its_own_defaults(folder: Path, entry: PainterEntry):
    assert imagine(entry, "--seed", "5", "--count", "2") == 0
    told = [read_provenance(folder / f"a-{number}.png") for number in (1, 2)]
    usual = [plain_recipe(entry.name, PROMPT, seed=seed) for seed in (5, 6)]
    assert [each.recipe for each in told] == usual
    assert read_picture(folder / "a-1.png").size == (entry.side, entry.side)
    assert main(["imagine", "--recipe", "a-1.png", "--out", "again.png"]) == 0
    assert (folder / "again.png").read_bytes() == (folder / "a-1.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--steps", "3"], "has no --steps: it takes a PROMPT of one plain sentence"),
        (["--size", "64", "--negative", "fog"], "has no --negative, --size: "),
        (["--init-image", "from.png"], "has no --init-image: "),
        (["--like", "from.png"], "has no --like: "),
        (["--tile", "both"], "has no --tile: "),
        (["--preset", "paper", "--more", "3"], "has no --more, --preset: "),
    ],
)
def test_what_a_painter_does_not_have_is_refused_by_name(
    folder: Path,
    capsys: pytest.CaptureFixture,
    entry: PainterEntry,
    arguments: list[str],
    why: str,
):
    picture().save(folder / "from.png")
    assert imagine(entry, *arguments) == 2
    assert why in capsys.readouterr().err
    assert not (folder / "a.png").exists()


@pytest.mark.parametrize("prompt", ["a cat:2 | a dog", "a cat --no fog"])
def test_weights_are_refused(capsys: pytest.CaptureFixture, entry: PainterEntry, prompt: str):
    assert main(["imagine", prompt, "--models", entry.name, "--out", "a.png"]) == 2
    assert "one plain sentence is all" in capsys.readouterr().err


def test_models_that_only_change_pictures_are_refused(capsys: pytest.CaptureFixture):
    assert main(["imagine", PROMPT, "--models", "demo-open-edit", "--out", "a.png"]) == 2
    assert "change pictures and paint no new ones" in capsys.readouterr().err


def test_the_help_names_the_painters(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit):
        main(["imagine", "--help"])
    assert "demo-glide, demo-mindalle" in capsys.readouterr().out
