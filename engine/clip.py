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

SIMPLE_TOKENIZER = "simple"
"""open_clip's own byte pairs, which it brings along."""
_OUR_KEYS = ("mean", "std", "tokenizer")
"""Of a configuration: what is not open_clip's."""


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
    exactly as in open_clip's own configuration files. Beside them may lie what `normalisation`
    reads, and the kind of tokenizer, of which there is one.

    Raises ValueError for a tower of another library, which would fetch weights of its own, and for
    another tokenizer.
    """
    text, vision = config["text_cfg"], config["vision_cfg"]
    if vision.get("timm_model_name") or text.get("hf_model_name"):
        raise ValueError("only towers that open_clip builds by itself are supported")
    if config.get("tokenizer", SIMPLE_TOKENIZER) != SIMPLE_TOKENIZER:
        raise ValueError(f"there is no tokenizer but {SIMPLE_TOKENIZER}")
    model = CLIP(**{key: value for key, value in config.items() if key not in _OUR_KEYS})
    length = text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)
    return model, open_clip.SimpleTokenizer(context_length=length)


def normalisation(config: dict[str, Any]) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and standard deviation that a configuration names, or those of OpenAI."""
    mean = config.get("mean", open_clip.OPENAI_DATASET_MEAN)
    return mean, config.get("std", open_clip.OPENAI_DATASET_STD)


def restore_mask(model: CLIP) -> None:
    """Build the text tower's causal mask anew: it follows from the architecture and is no weight.

    A model that was built on the meta device and then filled lacks it.
    """
    if model.attn_mask is not None:
        length = model.context_length
        model.attn_mask = torch.full((length, length), -torch.inf).triu(1)
