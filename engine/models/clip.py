"""CLIP through open_clip, as a `Perceptor` (paper, Section 2.2).

SigLIP 2 is one of them: its image tower is timm's, built by open_clip, and its tokenizer a file's.
Normalisation, input size and tokenizer belong to the model at hand. Prompts that exceed the
context are cut off, and `truncate_to_context` tells where.
"""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.transformer import QuickGELU as OpenClipQuickGELU
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.frozen_layers import PatchEmbedding, QuickGELU, SelfAttention, cast_frozen
from engine.models.tokenizer import FileTokenizer, read_tokenizer

SIMPLE_TOKENIZER = "simple"
"""open_clip's own byte pairs, which it brings along."""
TIMM_TOWERS = frozenset(
    {
        *(f"vit_base_patch16_siglip_{side}" for side in (224, 256, 384, 512)),
        *(f"vit_large_patch16_siglip_{side}" for side in (256, 384)),
    }
)
"""Image towers of timm's that are built here: SigLIP 2's. Any other name may be one for which timm
would ask the network, or whose pictures were not held against the original's."""
_EXTRA_KEYS = ("mean", "std", "tokenizer", "custom_text")
"""Of a configuration: what the models of open_clip do not take."""


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
        model: CLIP | CustomTextCLIP,
        tokenizer: open_clip.SimpleTokenizer | FileTokenizer,
        mean: Sequence[float] = open_clip.OPENAI_DATASET_MEAN,
        std: Sequence[float] = open_clip.OPENAI_DATASET_STD,
    ) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self._dtype = torch.float32
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @property
    def input_size(self) -> int:
        """Side in pixels of the pictures that `encode_image` takes."""
        size: Any = self.model.visual.image_size
        return size[0] if isinstance(size, tuple) else size

    def encode_image(self, images: Tensor) -> Tensor:
        """Embed `images` (N, 3, S, S), floats in [0, 1], as unit vectors (N, D)."""
        normal = torch.addcmul(-self.mean / self.std, images, 1 / self.std)
        features = self.model.encode_image(normal.to(self._dtype))
        return F.normalize(features.float(), dim=-1)

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Never learn again, and have the image tower compute in `dtype`.

        Its layers give way to equal ones of `engine.models.frozen_layers`; the text tower, which is
        asked once for a prompt, stays as it is.
        """
        vision: Any = self.model.visual
        for module in list(vision.modules()):
            for name, child in list(module.named_children()):
                if layer := _served(module, child):
                    setattr(module, name, layer)
        cast_frozen(vision, dtype)
        self._dtype = dtype
        self.eval().requires_grad_(False)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Embed `texts` as unit vectors (N, D)."""
        tokens = self.tokenizer(list(texts)).to(self.mean.device)
        return F.normalize(self.model.encode_text(tokens).float(), dim=-1)

    def truncate_to_context(self, text: str) -> str:
        """Return the beginning of `text` that fits into the context; `text` if all of it does."""
        if isinstance(self.tokenizer, FileTokenizer):
            room = self.tokenizer.room
        else:
            room = len(self.tokenizer("")[0]) - 2  # start and end of text take a token each
        lengths = range(1, len(text) + 1)
        fitting = bisect_right(lengths, room, key=lambda n: len(self.tokenizer.encode(text[:n])))
        return text[:fitting]


def _served(parent: nn.Module, layer: Any) -> nn.Module | None:
    """What takes the place of a layer of `parent` in service; None if it can stay."""
    if isinstance(parent, ResidualAttentionBlock) and isinstance(layer, nn.MultiheadAttention):
        return SelfAttention(layer) if layer.batch_first else None
    if PatchEmbedding.fits(layer):
        return PatchEmbedding(layer)
    return QuickGELU() if isinstance(layer, OpenClipQuickGELU) else None


def build_clip(
    config: dict[str, Any], tokenizer: Path | None = None
) -> tuple[CLIP | CustomTextCLIP, open_clip.SimpleTokenizer | FileTokenizer]:
    """An untrained model and its tokenizer from an open_clip model configuration.

    Args:
        config: as `build_towers` takes it. Beside it may lie what `normalisation` reads, and as
            `tokenizer` either the word for open_clip's own or what `file_tokenizer` made.
        tokenizer: where the file of the tokenizer lies, if it has one.

    Raises:
        ValueError: as `build_towers`, and for another tokenizer.
        ModelError: the file of the tokenizer cannot be used.
    """
    model = build_towers(config)
    text, kind = config["text_cfg"], config.get("tokenizer", SIMPLE_TOKENIZER)
    if kind == SIMPLE_TOKENIZER:
        length = text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)
        return model, open_clip.SimpleTokenizer(context_length=length)
    if tokenizer is None or (sha256 := tokenizer_hash(config)) is None:
        raise ValueError(f"there is no tokenizer but {SIMPLE_TOKENIZER} and that of a file")
    return model, read_tokenizer(tokenizer, text, sha256)


def build_towers(config: dict[str, Any]) -> CLIP | CustomTextCLIP:
    """An untrained model from an open_clip model configuration.

    `config` holds `embed_dim`, `vision_cfg`, `text_cfg` and, where they are not as usual,
    `quick_gelu`, `custom_text` and `init_logit_bias`, exactly as in open_clip's own configuration
    files. Nothing is fetched, whatever it says.

    Raises ValueError for a tower of another library, but for `TIMM_TOWERS`.
    """
    text, vision = config["text_cfg"], config["vision_cfg"]
    timm = vision.get("timm_model_name")
    if text.get("hf_model_name") or (timm and timm not in TIMM_TOWERS):
        raise ValueError(
            "only towers that open_clip builds by itself are supported, and SigLIP 2's"
        )
    kind = CustomTextCLIP if config.get("custom_text") else CLIP
    own = {key: value for key, value in config.items() if key not in _EXTRA_KEYS}
    if timm:
        own["vision_cfg"] = vision | {"timm_model_pretrained": False}
    return kind(**own)


def file_tokenizer(sha256: str) -> dict[str, str]:
    """What a configuration says of a tokenizer that is a file with this SHA-256."""
    return {"sha256": sha256}


def tokenizer_hash(config: dict[str, Any]) -> str | None:
    """The SHA-256 of the tokenizer's file that a configuration names; None if it names none."""
    kind = config.get("tokenizer")
    sha256 = kind.get("sha256") if isinstance(kind, dict) else None
    return sha256 if isinstance(sha256, str) else None


def normalisation(config: dict[str, Any]) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and standard deviation that a configuration names, or those of OpenAI."""
    mean = config.get("mean", open_clip.OPENAI_DATASET_MEAN)
    return mean, config.get("std", open_clip.OPENAI_DATASET_STD)


def rebuild_causal_mask(model: CLIP | CustomTextCLIP) -> None:
    """Build the text tower's causal mask anew: it follows from the architecture and is no weight.

    A model that was built on the meta device and then filled lacks it. SigLIP's has none.
    """
    tower: Any = model.text if isinstance(model, CustomTextCLIP) else model
    if tower.attn_mask is not None:
        length = model.context_length
        tower.attn_mask = torch.full((length, length), -torch.inf).triu(1)
