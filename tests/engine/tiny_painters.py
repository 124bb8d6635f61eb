"""Tiny models of other painters with random weights, in files and as entries of the catalogue."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from engine.mindalle.transformer import TransformerConfig
from engine.models.catalogue import find_models
from engine.models.loading import save_weights
from engine.models.painter_entry import PainterEntry, PainterMemory
from engine.recipes.plain_recipe import PainterKind
from tests.engine.glide import tiny
from tests.engine.mindalle.small import random_transformer

TRANSFORMER = TransformerConfig(
    tokens=5,
    text_length=4,
    codes=512,
    width=16,
    layers=1,
    heads=2,
    words=("red", "blue", "star"),
)
"""A transformer for the demo VQGAN."""


def glide_entry(folder: Path, name: str = "tiny-glide", *, with_clip: bool = False) -> PainterEntry:
    """Return an entry for models of GLIDE, whose files are written; a picture is two steps."""
    models = tiny.glide(with_clip=with_clip)
    modules: dict[str, tuple[nn.Module, dict[str, Any]]] = {
        "base": (models.base, tiny.BASE.to_dict()),
        "upsampler": (models.upsampler, tiny.UPSAMPLER.to_dict()),
    }
    if models.clip is not None:
        modules["clip-image"] = (models.clip.image, asdict(tiny.CLIP_IMAGE))
        modules["clip-text"] = (models.clip.text, asdict(tiny.CLIP_TEXT))
    files = {role: folder / f"{name}-{role}.safetensors" for role in modules}
    for role, (module, config) in modules.items():
        save_weights(module, config, files[role])
    steps = {"base_steps": 1, "upsample_steps": 1}
    return _entry(name, "glide", files, side=tiny.UPSAMPLER.side, defaults=steps)


def mindalle_entry(folder: Path, name: str = "tiny-mindalle") -> PainterEntry:
    """Return an entry for models of minDALL-E, of which the transformer's file is written."""
    demo, transformer = find_models("demo"), folder / f"{name}-transformer.safetensors"
    save_weights(random_transformer(TRANSFORMER), asdict(TRANSFORMER), transformer)
    (clip,) = demo.perceptors
    files = {"decoder": demo.generator, "transformer": transformer, "perceptor": clip}
    return _entry(name, "mindalle", files, side=64)


def _entry(
    name: str,
    painter: PainterKind,
    files: Mapping[str, Path],
    *,
    side: int,
    defaults: Mapping[str, int | float | str] | None = None,
) -> PainterEntry:
    return PainterEntry(
        name=name,
        painter=painter,
        description="random weights",
        limits=None,
        licence="",
        files=files,
        side=side,
        memory=PainterMemory(fixed=1e6),
        step_cost=100,
        defaults=defaults or {},
        halves=False,
    )
