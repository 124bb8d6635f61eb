"""SigLIP 2, from its published files to a perceptor; filled at random, with few tokens."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import open_clip
import pytest
import torch
import yaml
from open_clip.model import CustomTextCLIP
from PIL import Image
from safetensors.torch import save_file

from engine.conversion.convert import convert_clip
from engine.errors import ModelError
from engine.models.catalogue import CATALOGUE, add_models
from engine.models.clip import build_clip, build_towers
from engine.models.loading import load_clip, load_models, read_config, tokenizer_path
from engine.models.tokenizer import tokenizer_sha256
from engine.preparation import prepare_models
from engine.recipes.augmentations import Augmentations
from engine.recipes.prompts import Prompt
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.generation import Generation
from engine.weights.settings import read_weights_settings
from tests.engine.conversion.fake_checkpoints import (
    SMALL,
    VQModel,
    filled,
    lightning_checkpoint,
    vqgan,
)
from tests.engine.conversion.siglip import NAME, few_tokens, write_tokenizer
from tests.engine.rounding import assert_equal_up_to_rounding

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """open_clip's configurations, with few tokens in SigLIP 2's for the time being."""
    configs: dict[str, Any] = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setitem(configs, NAME, few_tokens())
    return configs


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Gone after the tests: pytest keeps its own folders, and these files have gigabytes."""
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def published(folder: Path) -> tuple[Path, Path]:
    """Write the checkpoint and the tokenizer in their published form."""
    checkpoint, tokenizer = folder / "siglip.safetensors", folder / "siglip.json"
    if not checkpoint.exists():
        with torch.device("meta"):
            model = open_clip.create_model(NAME, device="meta")
        save_file(filled(model).state_dict(), checkpoint)
    return checkpoint, write_tokenizer(tokenizer)


def originals(checkpoint: Path) -> tuple[Any, Any]:
    """open_clip's own model, loaded by itself, and its preprocessing for the published weights."""
    trained = open_clip.get_pretrained_cfg(NAME, "webli")
    model, _, preprocess = open_clip.create_model_and_transforms(
        NAME,
        str(checkpoint),
        image_mean=tuple(trained["mean"]),
        image_std=tuple(trained["std"]),
        image_resize_mode=trained["resize_mode"],
    )
    assert isinstance(model, CustomTextCLIP)
    return model.eval().requires_grad_(False), preprocess


def test_siglip_2_is_open_clips_own(folder: Path, published: tuple[Path, Path]):
    checkpoint, tokenizer = published
    (folder / "made").mkdir()
    weights = folder / "made" / "siglip2.safetensors"
    convert_clip(checkpoint, NAME, weights, tokenizer)
    ours = load_clip(weights)
    assert ours.input_size == 224
    with torch.random.fork_rng(devices=[]):
        model, preprocess = originals(checkpoint)
    random = torch.Generator().manual_seed(0)
    pixels = (torch.rand((224, 224, 3), generator=random) * 255).to(torch.uint8)
    expected = model.encode_image(preprocess(Image.fromarray(pixels.numpy()))[None], normalize=True)
    picture = (pixels.permute(2, 0, 1)[None] / 255).requires_grad_()
    embedding = ours.encode_image(picture)
    assert_equal_up_to_rounding(embedding.detach(), expected)
    embedding[0, 0].backward()
    assert picture.grad is not None
    assert picture.grad.isfinite().all()
    assert picture.grad.abs().max() > 0
    texts = ["a red circle", "A Red_CIRCLE, on white: 1850!", "", "word " * 100]
    tokens = ours.tokenizer(texts)
    assert tokens.shape == (4, 64)
    expected = model.encode_text(tokens, normalize=True)
    assert not torch.allclose(expected[0], expected[1], atol=1e-3)
    assert_equal_up_to_rounding(ours.encode_text(texts), expected)
    assert_equal_up_to_rounding(
        ours.encode_text(["A red, red CIRCLE"]), ours.encode_text(["a red red circle"])
    )
    readable = ours.truncate_to_context("A red_circle, " * 50)
    assert readable == "A red_circle, " * 21  # three tokens each of 63, and an end
    same = ours.encode_text([readable, readable + "castle"])
    assert_equal_up_to_rounding(same[0], same[1])


def test_the_tokenizer_goes_where_the_weights_go(folder: Path, published: tuple[Path, Path]):
    checkpoint, tokenizer = published
    (folder / "first").mkdir()
    weights = folder / "first" / "mine.safetensors"
    convert_clip(checkpoint, NAME, weights, tokenizer)
    made, beside = weights.stat().st_ino, tokenizer_path(weights)
    assert beside.read_bytes() == tokenizer.read_bytes()
    assert read_config(weights)["tokenizer"] == {"sha256": tokenizer_sha256(tokenizer)}

    for spoil in (beside.unlink, partial(write_tokenizer, beside, version="1.0 ")):
        spoil()
        with pytest.raises(ModelError, match="the tokenizer mine.tokenizer.json is"):
            load_clip(weights)
        convert_clip(checkpoint, NAME, weights, tokenizer)
        assert weights.stat().st_ino == made  # only the tokenizer was copied anew
        assert beside.read_bytes() == tokenizer.read_bytes()

    moved = (folder / "first").rename(folder / "second") / weights.name
    tokenizer.unlink()
    assert load_clip(moved).encode_text(["a red circle"]).isfinite().all()

    write_tokenizer(tokenizer, padding=None, decoder={"type": "ByteFallback"})
    convert_clip(checkpoint, NAME, moved, tokenizer)  # another one: the weights tell it too
    assert moved.stat().st_ino != made
    assert read_config(moved)["tokenizer"] == {"sha256": tokenizer_sha256(tokenizer)}
    assert tokenizer_path(moved).read_bytes() == tokenizer.read_bytes()
    load_clip(moved)


OWN = """
[weights]
folder = "{folder}/weights"
[weights.files."mine.ckpt"]
path = "{folder}/mine.ckpt"
[weights.files."mine.yaml"]
path = "{folder}/mine.yaml"
[weights.files."mine.safetensors"]
path = "{folder}/siglip.safetensors"
[weights.files."mine.json"]
path = "{folder}/siglip.json"
[weights.generators.mine-vqgan]
checkpoint = "mine.ckpt"
config = "mine.yaml"
factor = 2
[weights.perceptors.mine-siglip]
open_clip = "ViT-B-16-SigLIP2"
checkpoint = "mine.safetensors"
tokenizer = "mine.json"
[weights.models.mine]
generator = "mine-vqgan"
perceptors = [{{ name = "mine-siglip" }}]
side = 32
"""


RECIPE = Recipe(
    prompts=(Prompt("a red circle"),),
    models="mine",
    width=32,
    height=32,
    steps=1,
    seed=1,
    learning_rate=0.15,
    learning_rate_end=1.0,
    cutouts=2,
    augmentations=Augmentations(),
    regularizer=0.0,
    regularizer_decay=0.0,
    quantization="none",
)


def test_models_with_siglip_2_paint_and_tell_their_tokenizer(
    folder: Path, published: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    params = yaml.safe_load(SMALL)["model"]["params"]
    generator = vqgan(VQModel, params["ddconfig"], params["n_embed"], params["embed_dim"])
    with monkeypatch.context() as patch:
        lightning_checkpoint(folder / "mine.ckpt", generator.state_dict(), patch)
    (folder / "mine.yaml").write_text(SMALL)
    (folder / "config.toml").write_text(OWN.format(folder=folder))
    settings = read_weights_settings(folder / "config.toml")
    monkeypatch.setattr("engine.models.catalogue.CATALOGUE", dict(CATALOGUE))
    add_models(settings)
    prepare_models("mine", settings, fetches=False)
    models = load_models("mine", "cpu")
    assert models.digests["mine-siglip.tokenizer.json"] == tokenizer_sha256(published[1])
    assert len(models.digests) == 3
    run = Generation(RECIPE, models)
    before = run.image()
    run.step()
    assert not torch.equal(run.image(), before)


def test_a_tokenizer_is_named_where_one_is_needed_and_nowhere_else(
    published: tuple[Path, Path], tmp_path: Path
):
    checkpoint, tokenizer = published
    weights = tmp_path / "weights.safetensors"
    with pytest.raises(ModelError, match=f"{NAME} needs its own tokenizer: name the file"):
        convert_clip(checkpoint, NAME, weights)
    with pytest.raises(ModelError, match="ViT-B-32 uses the tokenizer of open_clip"):
        convert_clip(checkpoint, "ViT-B-32", weights, tokenizer)
    with pytest.raises(ModelError, match="the tokenizer none.json is missing"):
        convert_clip(checkpoint, NAME, weights, tmp_path / "none.json")
    other = write_tokenizer(tmp_path / "other.json", post_processor=None)
    with pytest.raises(ModelError, match="the tokenizer other.json is not SigLIP's"):
        convert_clip(checkpoint, NAME, weights, other)
    assert {path.name for path in tmp_path.iterdir()} == {"other.json"}


FAMILY = (
    *(f"ViT-B-16-SigLIP2{side}" for side in ("", "-256", "-384", "-512")),
    *(f"ViT-L-16-SigLIP2-{side}" for side in (256, 384)),
)
SIZES = {"width", "heads", "layers", "image_size", "timm_model_name", "hf_tokenizer_name"}


@pytest.mark.parametrize("name", FAMILY)
def test_siblings_differ_in_nothing_but_sizes(name: str, tmp_path: Path, known: dict[str, Any]):
    first, config = known[FAMILY[0]], known[name]
    for part in ("vision_cfg", "text_cfg"):
        assert {k: v for k, v in config[part].items() if k not in SIZES | {"vocab_size"}} == {
            k: v for k, v in first[part].items() if k not in SIZES | {"vocab_size"}
        }
    with torch.device("meta"):
        models: list[Any] = [build_towers(each).visual.trunk for each in (first, config)]
    kinds = [{type(each) for each in model.modules()} for model in models]
    assert kinds[0] == kinds[1]
    size = config["vision_cfg"]["image_size"]
    assert models[1].patch_embed.img_size == (size, size)
    tokenizer = write_tokenizer(tmp_path / "tokenizer.json")
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="the checkpoint model.safetensors lacks"):
        convert_clip(tmp_path / "model.safetensors", name, tmp_path / "weights", tokenizer)


@pytest.mark.parametrize(
    "name",
    [
        "ViT-B-16-SigLIP",
        "ViT-B-32-SigLIP2-256",
        "ViT-L-16-SigLIP2-512",
        "ViT-SO400M-16-SigLIP2-256",
        "MobileCLIP2-S4",
    ],
)
def test_what_was_not_held_against_the_original_is_refused(name: str, tmp_path: Path):
    tokenizer = write_tokenizer(tmp_path / "tokenizer.json")
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=f"the architecture {name} is not supported"):
        convert_clip(tmp_path / "model.safetensors", name, tmp_path / "weights", tokenizer)


@pytest.mark.parametrize("name", ["hf-hub:someone/vit", "local-dir:/etc", "vit_base_patch16_224"])
def test_weights_name_no_tower_that_timm_would_fetch(name: str):
    config = few_tokens()
    config["vision_cfg"]["timm_model_name"] = name
    with pytest.raises(ValueError, match="those that open_clip builds"):
        build_towers(config)


def test_weights_ask_for_nothing_that_was_trained_elsewhere(tmp_path: Path):
    config = few_tokens()
    config["vision_cfg"]["timm_model_pretrained"] = True
    with torch.device("meta"):
        assert (
            build_towers(config).state_dict().keys()
            == build_towers(few_tokens()).state_dict().keys()
        )
        with pytest.raises(ValueError, match="the tokenizer must be"):
            build_clip(config | {"tokenizer": {"name": "x"}}, tmp_path)
