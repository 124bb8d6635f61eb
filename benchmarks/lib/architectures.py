"""Pairs of models with random weights, for figures that depend only on sizes."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

from benchmarks.lib.machine import kept_folder, kept_precision
from engine.models.clip import ClipPerceptor, build_clip
from engine.models.devices import choose_onednn_products, precision_name
from engine.models.latent_generator import CodebookGenerator
from engine.models.loading import (
    CHANNELS_LAST,
    CONFIG_KEY,
    ORDER_KEY,
    Models,
    load_clip,
    load_vqgan,
)
from engine.models.vqgan import VQGAN, VQGANConfig
from engine.presets import PRESETS
from engine.recipes.prompts import parse_prompts
from engine.recipes.recipe import Recipe

PERCEPTOR = "ViT-B-32-quickgelu"
GENERATOR = VQGANConfig(
    n_embed=16384,
    embed_dim=256,
    z_channels=256,
    ch=128,
    ch_mult=(1, 1, 2, 2, 4),
    num_res_blocks=2,
    attn_resolutions=(16,),
    resolution=256,
)
"""Architecture of the paper's VQGAN, ImageNet f16 16384."""


@dataclass(frozen=True)
class Architecture:
    """The sizes of a VQGAN and of a CLIP."""

    generator: VQGANConfig
    perceptor: str | tuple[int, int, int]
    """Name of an open_clip configuration, or side, width and layers of both towers."""

    def perceptor_config(self) -> dict[str, Any]:
        """Return the configuration of the CLIP, as open_clip takes it."""
        if isinstance(self.perceptor, str):
            config = open_clip.get_model_config(self.perceptor)
            assert config is not None
            config["text_cfg"].setdefault("context_length", 77)
            return config
        side, width, layers = self.perceptor
        vision = {"image_size": side, "patch_size": side // 2, "width": width, "layers": layers}
        text = {"context_length": 77, "vocab_size": 49408, "width": width, "heads": 1}
        return {
            "embed_dim": width,
            "quick_gelu": True,
            "vision_cfg": vision | {"head_width": width},
            "text_cfg": text | {"layers": layers},
        }


PAPER = Architecture(GENERATOR, PERCEPTOR)
"""The paper's pair: VQGAN ImageNet f16 16384 and CLIP ViT-B/32."""
SMALL = Architecture(
    replace(GENERATOR, n_embed=16, embed_dim=32, z_channels=32, ch=32), (32, 64, 1)
)
"""Narrow models with the same kinds of layers, to try what is written for `PAPER`."""


def paper_pair(
    device: str = "cpu", seed: int = 0, precision: str = "float32", sizes: Architecture = PAPER
) -> Models:
    """Build the paper's pair, or models of other sizes, with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = VQGAN(sizes.generator)
        config = sizes.perceptor_config()
        perceptor = ClipPerceptor(*build_clip(config))
        # Trained codes have about this size; torch's own initialization is far smaller.
        torch.nn.init.normal_(generator.codebook)
    dtype = kept_precision(precision, torch.device(device))
    for each in (generator, perceptor):
        each.to(device).to(memory_format=torch.channels_last)  # pyright: ignore
        each.freeze_for_inference(dtype)
    return _pair(generator, perceptor, dtype)


def write_pair(folder: Path) -> None:
    """Write the paper's pair with random weights as files, as published weights are kept."""
    torch.manual_seed(0)
    generator, perceptor = VQGAN(GENERATOR), build_clip(PAPER.perceptor_config())[0]
    torch.nn.init.normal_(generator.codebook)
    configs = {"vqgan": GENERATOR.to_dict(), "clip": PAPER.perceptor_config()}
    for (name, config), module in zip(configs.items(), (generator, perceptor), strict=True):
        tensors = {
            key: (each.permute(0, 2, 3, 1) if each.dim() == 4 else each).contiguous()
            for key, each in module.state_dict().items()
        }
        metadata = {CONFIG_KEY: json.dumps(config | {ORDER_KEY: CHANNELS_LAST})}
        save_file(tensors, folder / f"{name}.safetensors", metadata=metadata)


def read_pair(folder: Path, device: str, precision: str) -> Models:
    """Load the files of `write_pair`, as the engine loads published weights."""
    target = torch.device(device)
    dtype = kept_precision(precision, target)
    generator = load_vqgan(folder / "vqgan.safetensors", target, dtype)
    return _pair(generator, load_clip(folder / "clip.safetensors", target, dtype), dtype)


def _pair(generator: VQGAN, perceptor: ClipPerceptor, dtype: torch.dtype) -> Models:
    if choose_onednn_products(generator.device, dtype, cache=kept_folder()):
        perceptor.multiply_by_onednn()
    return Models(
        "paper", CodebookGenerator(generator), (perceptor,), {}, precision=precision_name(dtype)
    )


def paper_recipe(side: int, cutouts: int) -> Recipe:
    """Make a recipe for `paper_pair` with the paper's settings."""
    return Recipe(
        prompts=parse_prompts("a charcoal drawing of a cathedral"),
        models="paper",
        width=side,
        height=side,
        seed=1,
        **{**PRESETS["paper"], "cutouts": cutouts},
    )
