"""Small models of Open-Edit with random weights, and their files."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from engine.models.loading import CONFIG_KEY
from engine.open_edit.configs import (
    DecoderConfig,
    EdgesConfig,
    EmbeddingConfig,
    PerceptualConfig,
)
from engine.open_edit.decoder import Decoder
from engine.open_edit.edges import Edges
from engine.open_edit.embedding import JointEmbedding
from engine.open_edit.painter import OpenEdit, load_painter
from engine.open_edit.perceptual import PerceptualFeatures
from engine.recipes.edit import Edit
from engine.recipes.open_edit_recipe import OpenEditRecipe

WORDS = ["<pad>", "<start>", "<end>", "<unk>", "blue", "red", "car", "sky"]
NAME = "small-open-edit"
SIDE = 64
EMBEDDING = EmbeddingConfig(words=len(WORDS), width=4, blocks=(1, 2, 1, 1), joint=32, word_width=5)
EDGES = EdgesConfig(channels=(4, 5, 6, 7), block_width=3, score_width=2)
DECODER = DecoderConfig(width=2, hidden=5, cells=2)
PERCEPTUAL = PerceptualConfig(channels=(4, 5, 6, 7, 8))

Filled = TypeVar("Filled", bound=nn.Module)


def random_numbers(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def filled(module: Filled, seed: int = 0) -> Filled:
    """Fill a module so that no layer is without effect, and freeze it."""
    rng = random_numbers(seed)
    for name, values in module.state_dict().items():
        if not values.is_floating_point():
            continue
        noise = torch.randn(values.shape, generator=rng)
        if name.endswith("running_var"):
            values.copy_(0.5 + torch.rand(values.shape, generator=rng))
        elif values.dim() == 1:
            is_factor = name.endswith("weight")  # of a normalization
            values.copy_(1 + 0.1 * noise if is_factor else 0.1 * noise)
        else:
            values.copy_(_gain(name) * noise * values[0].numel() ** -0.5)
    freeze: Any = module
    freeze.freeze_for_inference(torch.float32)
    return module


def _gain(name: str) -> float:
    """Return the strength of a layer: with more, the decoder's pictures are black and white."""
    if name.startswith("score_"):
        return 0.05  # of pixels from 0 to 255
    return 0.3 if "mlp_" in name or name.startswith("conv_img") else 1.0


def picture(width: int = 80, height: int = 48, seed: int = 0) -> Image.Image:
    """Return a picture with edges and colors."""
    noise = torch.rand(3, 6, 10, generator=random_numbers(seed))
    levels = noise.mul(255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(levels).resize((width, height), Image.Resampling.BICUBIC)


def png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def recipe(**values: Any) -> OpenEditRecipe:
    defaults: dict[str, Any] = {
        "models": NAME,
        "seed": 1,
        "side": SIDE,
        "old": "blue car",
        "new": "red car",
        "optimization_steps": 2,
        "edit": Edit(png(picture())),
    }
    return OpenEditRecipe(**defaults | values)


def write(path: Path, module: nn.Module, config: Mapping[str, Any]) -> Path:
    tensors = {name: each.contiguous() for name, each in module.state_dict().items()}
    save_file(tensors, path, metadata={CONFIG_KEY: json.dumps(config)})
    return path


def write_files(folder: Path) -> dict[str, Path]:
    """Write the files of small models, and return their paths by what they hold."""
    vocabulary = folder / "vocabulary.json"
    vocabulary.write_text(json.dumps(WORDS))
    modules = {
        "embedding": (filled(JointEmbedding(EMBEDDING), 1), EMBEDDING),
        "edges": (filled(Edges(EDGES), 2), EDGES),
        "decoder": (filled(Decoder(DECODER), 3), DECODER),
        "perceptual": (filled(PerceptualFeatures(PERCEPTUAL), 4), PERCEPTUAL),
    }
    return {
        role: write(folder / f"{role}.safetensors", module, asdict(config))
        for role, (module, config) in modules.items()
    } | {"vocabulary": vocabulary}


def load(paths: Mapping[str, Path], dtype: torch.dtype = torch.float32) -> OpenEdit:
    return load_painter(NAME, paths, torch.device("cpu"), dtype)
