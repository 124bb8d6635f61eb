"""The published architectures in their real sizes, filled at random, held against the originals.

Each test makes all it needs by itself and lets go of it, since together they would take much
memory; whatever was published is written to a file, converted and loaded.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import open_clip
import pytest
import torch
import yaml
from open_clip.model import CLIP
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engine.conversion.convert import convert_clip, convert_vqgan
from engine.models.clip import ClipPerceptor, build_clip, rebuild_causal_mask
from engine.models.latent_generator import CodebookGenerator
from engine.models.loading import Models, load_clip, load_vqgan
from engine.models.vqgan import VQGAN, VQGANConfig
from engine.recipes.augmentations import Augmentations
from engine.recipes.prompts import Prompt
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.generation import Generation
from tests.engine.conversion.fake_checkpoints import (
    FLICKR,
    IMAGENET,
    OPENIMAGES,
    GumbelVQ,
    VQModel,
    filled,
    lightning_checkpoint,
    openai_archive,
    vqgan,
)
from tests.engine.rounding import assert_equal_up_to_rounding

pytestmark = pytest.mark.slow


@pytest.fixture
def folder() -> Iterator[Path]:
    """Gone after the test: pytest keeps its own folders, and these files have gigabytes."""
    with TemporaryDirectory() as name:
        yield Path(name)


def params(text: str) -> dict[str, Any]:
    return yaml.safe_load(text)["model"]["params"]


def original(kind: type[VQModel], values: dict[str, Any]) -> Any:
    return vqgan(kind, values["ddconfig"], values["n_embed"], values["embed_dim"])


def converted(folder: Path, text: str) -> VQGAN:
    config, weights = folder / "model.yaml", folder / "weights.safetensors"
    config.write_text(text)
    convert_vqgan(folder / "last.ckpt", config, weights)
    return load_vqgan(weights)


def seeded(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_imagenet_f16_16384_is_tamings(folder: Path, monkeypatch: pytest.MonkeyPatch):
    taming = original(VQModel, params(IMAGENET))
    with monkeypatch.context() as patch:
        lightning_checkpoint(folder / "last.ckpt", taming.state_dict(), patch)
    ours = converted(folder, IMAGENET)
    assert (ours.factor, ours.codebook.shape) == (16, (16384, 256))
    images = seeded(1, 3, 64, 96)
    latents = taming.encode_to_prequant(images * 2 - 1)
    assert_equal_up_to_rounding(ours.encode(images), latents)
    codes = taming.quantize.embedding.weight[:24].T.reshape(1, 256, 4, 6)
    for each in (latents, codes):
        assert_equal_up_to_rounding(ours.decode(each), (taming.decode(each) + 1) / 2)


@torch.no_grad()
def test_openimages_f8_gumbel_is_tamings(folder: Path, monkeypatch: pytest.MonkeyPatch):
    taming = original(GumbelVQ, params(OPENIMAGES))
    with monkeypatch.context() as patch:
        lightning_checkpoint(folder / "last.ckpt", taming.state_dict(), patch)
    ours = converted(folder, OPENIMAGES)
    assert (ours.factor, ours.codebook.shape) == (8, (8192, 256))
    images = seeded(1, 3, 64, 40)
    latents = taming.encode(images * 2 - 1)
    assert_equal_up_to_rounding(ours.encode(images), latents)
    assert_equal_up_to_rounding(ours.decode(latents), (taming.decode(latents) + 1) / 2)


@torch.no_grad()
def test_flickrs_first_stage_is_tamings(folder: Path, monkeypatch: pytest.MonkeyPatch):
    taming = original(VQModel, params(FLICKR)["first_stage_config"]["params"])
    state = {f"first_stage_model.{k}": v for k, v in taming.state_dict().items()}
    state |= {"transformer.pos_emb": torch.zeros(1, 512, 1024)}
    state |= {"transformer.blocks.0.ln1.weight": torch.ones(1024)}
    state |= {"cond_stage_model.colorize": torch.zeros(3, 182, 1, 1)}
    state |= {"cond_stage_model.encoder.conv_in.weight": torch.zeros(128, 182, 3, 3)}
    with monkeypatch.context() as patch:
        lightning_checkpoint(folder / "last.ckpt", state, patch)
    ours = converted(folder, FLICKR)
    images = seeded(1, 3, 64, 64)
    latents = taming.encode_to_prequant(images * 2 - 1)
    assert_equal_up_to_rounding(ours.encode(images), latents)
    assert_equal_up_to_rounding(ours.decode(latents), (taming.decode(latents) + 1) / 2)


def open_clips_own(name: str) -> tuple[Any, Any, Any]:
    """open_clip's model with random numbers, its preprocessing and its tokenizer."""
    with torch.device("meta"):
        model, _, preprocess = open_clip.create_model_and_transforms(name, device="meta")
    assert isinstance(model, CLIP)
    rebuild_causal_mask(filled(model))
    return model.eval().requires_grad_(False), preprocess, open_clip.get_tokenizer(name)


@torch.no_grad()
def test_openais_clip_is_open_clips_own(folder: Path):
    name = "ViT-B-32-quickgelu"
    model, preprocess, tokenizer = open_clips_own(name)
    state = model.state_dict()
    for key in state:
        state[key].copy_(state[key].half())  # as published, in part
    openai_archive(folder / "ViT-B-32.pt", state)
    convert_clip(folder / "ViT-B-32.pt", name, folder / "weights.safetensors")
    ours = load_clip(folder / "weights.safetensors")
    assert ours.input_size == 224
    pixels = (seeded(224, 224, 3) * 255).to(torch.uint8)
    expected = model.encode_image(preprocess(Image.fromarray(pixels.numpy()))[None], normalize=True)
    embedding = ours.encode_image(pixels.permute(2, 0, 1)[None] / 255)
    assert_equal_up_to_rounding(embedding, expected)
    texts = ["a red circle", "An oil painting of a castle, 1850!", "", "word " * 100]
    expected = model.encode_text(tokenizer(texts), normalize=True)
    assert_equal_up_to_rounding(ours.encode_text(texts), expected)


RECIPE = Recipe(
    prompts=(Prompt("a castle in the clouds"),),
    models="paper",
    width=64,
    height=64,
    steps=1,
    seed=3,
    learning_rate=0.15,
    learning_rate_end=1.0,
    cutouts=4,
    augmentations=Augmentations(crop_min=0.3),
    regularizer=0.25,
    regularizer_decay=0.005,
)
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def literal_gradient(vqgan: VQGAN, clip: Any, text: Tensor) -> Tensor:
    """Compute the gradient of the paper's loss on z, line by line as in its Section 2."""
    random = torch.Generator().manual_seed(RECIPE.seed)
    codebook = vqgan.quantize.vectors
    z = codebook[torch.randint(len(codebook), (16,), generator=random)].T.reshape(1, 256, 4, 4)
    z = z.clone().requires_grad_()
    # 2.1: the nearest entry, z_q = argmin_k |z - e_k|, with a straight-through gradient
    cells = z.detach().permute(0, 2, 3, 1).reshape(16, 256)
    nearest = torch.cdist(cells, codebook).argmin(1)
    z_q = codebook[nearest].reshape(1, 4, 4, 256).permute(0, 3, 1, 2)
    z_q = z_q.detach() + z - z.detach()
    # the generator's picture, from [-1, 1] to [0, 1]; its gradient where that leads back inside
    raw = (vqgan.decoder(vqgan.post_quant_conv(z_q)) + 1) / 2
    picture = raw.detach().clamp(0, 1) + raw - raw.detach()
    outside = (raw - raw.clamp(0, 1)).detach()
    picture.register_hook(lambda gradient: gradient * (gradient * outside >= 0))
    # 2.3: random square crops, at CLIP's size and normalised as it wants them
    side = 0.3 + 0.7 * torch.rand(4, generator=random)
    x, y = (2 * torch.rand((2, 4), generator=random) - 1) * (1 - side)
    zero = torch.zeros(4)
    theta = torch.stack([torch.stack([side, zero, x], 1), torch.stack([zero, side, y], 1)], 1)
    grid = F.affine_grid(theta, [4, 3, 224, 224], align_corners=False)
    crops = F.grid_sample(
        picture.expand(4, -1, -1, -1), grid, padding_mode="reflection", align_corners=False
    )
    crops = (crops - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    # 2 and 2.2: the squared spherical distance of unit vectors, averaged over the crops
    image = clip.encode_image(crops)
    image = image / image.norm(dim=-1, keepdim=True)
    text = clip.encode_text(text)
    text = text / text.norm(dim=-1, keepdim=True)
    distance = (2 * torch.arcsin((image - text).norm(dim=-1) / 2) ** 2).mean()
    # 2.4: alpha * mean(z^2)
    loss = distance + RECIPE.regularizer * (z**2).mean()
    return torch.autograd.grad(loss, z)[0]


def test_a_step_follows_the_gradient_of_the_papers_formulas():
    config = VQGANConfig(1024, 256, 256, 128, (1, 1, 2, 2, 4), 2, (16,), 256)
    with torch.device("meta"):
        generator = VQGAN(config)
        clip, tokenizer = build_clip(open_clip.get_model_config("ViT-B-32-quickgelu") or {})
    rebuild_causal_mask(filled(clip))
    generator = filled(generator).eval().requires_grad_(False)
    perceptor = ClipPerceptor(clip, tokenizer).eval().requires_grad_(False)
    expected = literal_gradient(generator, clip, tokenizer([RECIPE.prompts[0].text]))
    run = Generation(RECIPE, Models("paper", CodebookGenerator(generator), (perceptor,), {}))
    run.step()
    moments = run.state_dict()["optimizer"]["state"][0]
    gradient = moments["exp_avg"] / (1 - 0.9)  # Adam's first moment after its first step
    assert expected.abs().max() > 0
    assert_equal_up_to_rounding(gradient, expected, roundings=1000)
