"""From OpenAI's files of GLIDE (filtered) to weights.

Each file is a dictionary of tensors by their names in `UNet` and in the noisy CLIP, without
anything around it (openai/glide-text2im, glide_text2im/download.py).
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from engine.conversion.convert import convert_module
from engine.glide.clip_config import ClipImageConfig, ClipTextConfig
from engine.glide.config import PUBLISHED_BASE, PUBLISHED_UPSAMPLER
from engine.glide.noisy_clip import ClipImageTower, ClipTextTower
from engine.glide.unet import UNet

CLIP_IMAGE, CLIP_TEXT = ClipImageConfig(), ClipTextConfig()
"""The published sizes of the CLIP that sees noise."""


def convert_glide(
    files: Mapping[str, Path], to: Mapping[str, Path], *, inpainting: bool = False
) -> None:
    """Convert the files of GLIDE; those that were converted before stay.

    Args:
        files: `base` and `upsampler`, and, of models that have them, `clip-image` and `clip-text`.
        to: paths of the results under the same names. The folders must exist.
        inpainting: whether base and upsampler are those for inpainting.

    Raises:
        ModelError: a file is missing, damaged, refused or of another architecture, or a result
            cannot be written.
    """
    base, upsampler = (
        replace(config, inpainting=inpainting) for config in (PUBLISHED_BASE, PUBLISHED_UPSAMPLER)
    )
    for role, config in (("base", base), ("upsampler", upsampler)):
        convert_module(
            files[role], config.to_dict(), to[role], build=lambda config=config: UNet(config)
        )
    towers = {
        "clip-image": (CLIP_IMAGE, lambda: ClipImageTower(CLIP_IMAGE)),
        "clip-text": (CLIP_TEXT, lambda: ClipTextTower(CLIP_TEXT)),
    }
    for role, (config, build) in towers.items():
        if role in files:
            convert_module(files[role], asdict(config), to[role], build=build)
