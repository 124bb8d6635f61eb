"""Published models, from their checkpoints to a picture, through the command line."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import open_clip
import pytest
import torch
import yaml

import engine
from engine import read_provenance
from engine.cli import main
from engine.images.image_io import read_picture
from engine.models.catalogue import CATALOGUE
from engine.models.clip import build_clip
from tests.engine.conversion.fake_checkpoints import (
    SMALL,
    VQModel,
    filled,
    lightning_checkpoint,
    vqgan,
)

pytestmark = pytest.mark.slow

ARCHITECTURE = "ViT-S-32"
"""Of open_clip's, one of the smallest."""
CONFIG = """
[engine]
models = "mine"
threads = 1
[weights.files."mine.ckpt"]
path = "{folder}/mine.ckpt"
sha256 = "{sha256}"
[weights.files."mine.yaml"]
path = "{folder}/mine.yaml"
[weights.files."mine.pt"]
path = "{folder}/mine.pt"
[weights.generators.mine-vqgan]
checkpoint = "mine.ckpt"
config = "mine.yaml"
factor = {factor}
[weights.perceptors.mine-clip]
open_clip = "{architecture}"
checkpoint = "mine.pt"
[weights.perceptors.mine-other]
open_clip = "{architecture}"
checkpoint = "mine.pt"
[weights.models.mine]
generator = "mine-vqgan"
perceptors = [{{ name = "mine-clip" }}]
side = 32
preset = "demo"
[weights.models.mine-two]
generator = "mine-vqgan"
perceptors = [{{ name = "mine-clip", weight = 2 }}, {{ name = "mine-other" }}]
side = 32
preset = "demo"
[weights.models.mine-judged]
generator = "mine-vqgan"
perceptors = [{{ name = "mine-clip" }}]
judge = "mine-other"
side = 32
preset = "demo"
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with the files of a host's own models."""
    folder = tmp_path_factory.mktemp("published")
    params = yaml.safe_load(SMALL)["model"]["params"]
    model = vqgan(VQModel, params["ddconfig"], params["n_embed"], params["embed_dim"])
    with pytest.MonkeyPatch.context() as patch:
        lightning_checkpoint(folder / "mine.ckpt", model.state_dict(), patch)
    (folder / "mine.yaml").write_text(SMALL)
    config = open_clip.get_model_config(ARCHITECTURE)
    assert config is not None
    with torch.device("meta"):
        clip = build_clip(config)[0]
    torch.save(filled(clip).state_dict(), folder / "mine.pt")
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder; remove additions to the catalogue afterwards."""
    monkeypatch.chdir(tmp_path)
    known = set(CATALOGUE)
    yield tmp_path
    for name in set(CATALOGUE) - known:
        del CATALOGUE[name]


def configure(published: Path, factor: int = 2) -> None:
    sha256 = hashlib.sha256((published / "mine.ckpt").read_bytes()).hexdigest()
    values = {"folder": published, "sha256": sha256, "architecture": ARCHITECTURE}
    Path("config.toml").write_text(CONFIG.format(**values, factor=factor))


def imagine(*options: str) -> int:
    return main(["imagine", "a cathedral", "--steps", "2", "--seed", "5", *options])


def test_models_of_ones_own_paint(folder: Path, published: Path, capsys: pytest.CaptureFixture):
    configure(published)
    assert imagine("--out", "first.png") == 0
    weights = folder / "weights" / "mine-vqgan" / "mine-vqgan.safetensors"
    made = weights.stat().st_ino
    assert imagine("--out", "second.png") == 0
    assert weights.stat().st_ino == made  # converted once
    assert (folder / "first.png").read_bytes() == (folder / "second.png").read_bytes()
    origin = read_provenance(folder / "first.png")
    assert origin.recipe.models == "mine"
    assert (origin.recipe.width, origin.recipe.height) == (32, 32)
    sha256 = hashlib.sha256((published / "mine.ckpt").read_bytes()).hexdigest()
    assert origin.digests["mine-vqgan.safetensors"] == sha256
    assert imagine("--out", "both.png", "--models", "mine-two") == 0
    assert (folder / "both.png").read_bytes() != (folder / "first.png").read_bytes()
    assert "error" not in capsys.readouterr().err


def test_a_judge_of_ones_own_takes_no_part_in_painting_and_chooses(
    folder: Path, published: Path, capsys: pytest.CaptureFixture
):
    configure(published)
    assert imagine("--out", "first.png") == 0
    several = ["--models", "mine-judged", "--count", "2", "--keep", "best"]
    assert imagine("--out", "a.png", *several) == 0
    assert "best of 2, chosen by mine-other" in capsys.readouterr().err
    guided, judged = (read_picture(Path(name)) for name in ("first.png", "a-1.png"))
    assert guided == judged
    assert "mine-other.safetensors" not in read_provenance(folder / "a.png").digests
    one, more = (CATALOGUE[name].memory.fixed for name in ("mine", "mine-judged"))
    assert more > one


@pytest.mark.usefixtures("folder")
def test_a_factor_that_is_wrong_is_told(published: Path, capsys: pytest.CaptureFixture):
    configure(published, factor=8)
    assert imagine("--out", "a.png") == 2
    assert "have 2 pixels per latent cell, but their entry says 8" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_models_that_are_not_here_are_named_with_the_way_to_get_them(
    capsys: pytest.CaptureFixture,
):
    assert imagine("--out", "a.png", "--models", "imagenet-16384") == 2
    error = capsys.readouterr().err
    assert "vqgan-imagenet-f16-16384.ckpt" in error
    assert "`python -m engine weights get imagenet-16384` downloads 1,334 MB" in error
    assert "how long that takes is unknown" in error
    assert "MIT licence; none is stated for these weights" in error
    Path("weights").mkdir()
    Path("weights/.speed").write_text("5000000\n")
    assert imagine("--out", "a.png", "--models", "imagenet-16384") == 2
    assert "about 4 min at the speed of the last download, 5.0 MB/s" in capsys.readouterr().err
    Path("weights/.speed").write_text("nan\n")
    assert imagine("--out", "a.png", "--models", "imagenet-16384") == 2
    assert "is unknown" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_published_models_are_listed(capsys: pytest.CaptureFixture):
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert "imagenet-16384: the paper's pair" in listed
    assert "demo: " in listed


@pytest.mark.usefixtures("folder")
def test_models_paint_from_python(published: Path):
    configure(published)
    engine.prepare_models("mine", engine.read_weights_settings(), fetches=True)
    models = engine.load_models("mine", "cpu")
    recipe = engine.make_recipe("a cathedral", seed=1, models="mine", steps=1)
    assert engine.paint(recipe, models).size == (32, 32)
