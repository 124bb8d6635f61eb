"""CLIP through open_clip, as a `Perceptor` (paper, Section 2.2).

Normalisation, input size and tokenizer belong to the model at hand. Prompts that exceed the
context are cut off, and `readable_part` tells where.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import open_clip
import torch
from open_clip.model import CLIP
from torch import Tensor, nn
from torch.nn import functional as F


class ClipPerceptor(nn.Module):
    """An open_clip model behind the `Perceptor` protocol.

    Args:
        model: the towers, weights loaded.
        tokenizer: the tokenizer that the text tower was trained with.
        mean: per-channel mean that the image tower expects to be subtracted.
        std: per-channel standard deviation that it expects to be divided by.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: CLIP,
        tokenizer: open_clip.SimpleTokenizer,
        mean: Sequence[float] = open_clip.OPENAI_DATASET_MEAN,
        std: Sequence[float] = open_clip.OPENAI_DATASET_STD,
    ) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @property
    def input_size(self) -> int:
        """Side in pixels of the pictures that `encode_image` takes."""
        size: Any = self.model.visual.image_size
        return size[0] if isinstance(size, tuple) else size

    def encode_image(self, images: Tensor) -> Tensor:
        """Embed `images` (N, 3, S, S), floats in [0, 1], as unit vectors (N, D)."""
        features = self.model.encode_image((images - self.mean) / self.std)
        return F.normalize(features.float(), dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Embed `texts` as unit vectors (N, D)."""
        tokens = self.tokenizer(list(texts)).to(self.mean.device)
        return F.normalize(self.model.encode_text(tokens).float(), dim=-1)

    def readable_part(self, text: str) -> str:
        """Return the beginning of `text` that fits into the context; `text` if all of it does."""
        room = len(self.tokenizer("")[0]) - 2  # start and end of text take a token each
        lengths = range(1, len(text) + 1)
        fitting = bisect_right(lengths, room, key=lambda n: len(self.tokenizer.encode(text[:n])))
        return text[:fitting]


def build_clip(config: dict[str, Any]) -> tuple[CLIP, open_clip.SimpleTokenizer]:
    """An untrained model and its tokenizer from an open_clip model configuration.

    `config` holds `embed_dim`, `vision_cfg`, `text_cfg` and, where it is not False, `quick_gelu`,
    exactly as in open_clip's own configuration files.
    """
    text = config["text_cfg"]
    return CLIP(**config), open_clip.SimpleTokenizer(context_length=text["context_length"])
