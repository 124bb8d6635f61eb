"""Small models of GLIDE with random weights, of which no one is zero or of no effect."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from engine.glide.clip_config import ClipImageConfig, ClipTextConfig
from engine.glide.config import TextConfig, UNetConfig
from engine.glide.noisy_clip import ClipImageTower, ClipTextTower, NoisyClip
from engine.glide.painter import Glide
from engine.glide.tokens import WordTokenizer
from engine.glide.unet import UNet

Module = TypeVar("Module", bound=nn.Module)
WORDS = ("a", "red", "circle", "on", "blue")
TEXT = TextConfig(width=32, layers=2, heads=4, context=12, vocabulary=50, words=WORDS)
BASE = UNetConfig(
    side=16,
    channels=32,
    multipliers=(1, 2, 2),
    blocks=1,
    attention_sides=(8, 4),
    head_channels=16,
    text=TEXT,
)
UPSAMPLER = replace(BASE, side=32, low_side=16, schedule="linear")
CLIP_IMAGE = ClipImageConfig(width=32, layers=2, heads=2, out=24, side=16, patch=4)
CLIP_TEXT = ClipTextConfig(width=32, layers=2, heads=2, out=24, context=12, vocabulary=49_408)


def randomized(module: Module, seed: int = 1) -> Module:
    """Fill a module, with normalizations near 1, and freeze it in float32."""
    random = torch.Generator().manual_seed(seed)
    for name, weights in module.named_parameters():
        is_norm = weights.dim() == 1 and name.endswith(("weight", ".g"))
        noise = 0.1 * torch.randn(weights.shape, generator=random)
        weights.data = noise + 1 if is_norm else noise
    module.freeze_for_inference(torch.float32)  # pyright: ignore[reportCallIssue]
    return module


def glide(*, inpainting: bool = False, with_clip: bool = False) -> Glide:
    base, upsampler = (replace(each, inpainting=inpainting) for each in (BASE, UPSAMPLER))
    clip = NoisyClip(
        randomized(ClipImageTower(CLIP_IMAGE), 3), randomized(ClipTextTower(CLIP_TEXT), 4)
    )
    return Glide(
        "tiny-glide",
        {},
        randomized(UNet(base)),
        randomized(UNet(upsampler), 2),
        WordTokenizer(WORDS),
        clip if with_clip else None,
    )


def gpt2_files(folder: Path) -> tuple[Path, Path]:
    """Write a tokenizer of GPT-2's form that knows two merges."""
    import json

    vocabulary, merges = folder / "vocabulary.json", folder / "merges.bpe"
    tokens = [*"abcdefghijklmnopqrstuvwxyz", "\u0120", "re", "red"]
    vocabulary.write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    merges.write_text("#version: 0.2\nr e\nre d\n")
    return vocabulary, merges
