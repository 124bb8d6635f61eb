"""CLIP models of open_clip as a `Perceptor` (paper, Section 2.2).

This includes SigLIP 2, whose image tower open_clip builds with timm and whose tokenizer comes from
a file. Normalization, input size and tokenizer belong to each model. Prompts that exceed the
context are cut off; `truncate_to_context` returns the part that fits.
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

from engine.models.convolutional_tower import ConvolutionalTower
from engine.models.frozen_layers import PatchEmbedding, QuickGELU, SelfAttention, cast_frozen
from engine.models.mapped_weights import any_mapped, release
from engine.models.onednn_products import multiply_by_onednn
from engine.models.tokenizer import FileTokenizer, read_tokenizer

SIMPLE_TOKENIZER = "simple"
"""Name of the byte-pair tokenizer that is part of open_clip."""
TIMM_TOWERS = frozenset(
    {
        *(f"vit_base_patch16_siglip_{side}" for side in (224, 256, 384, 512)),
        *(f"vit_large_patch16_siglip_{side}" for side in (256, 384)),
        "convnext_base",
    }
)
"""Names of the supported image towers of timm: SigLIP 2's, and ConvNeXt-Base. For other names timm
may access the network, and their embeddings have not been compared with the original's."""
_SMALLEST_VIT = {"image_size": 2, "patch_size": 2, "width": 2, "head_width": 2, "layers": 1}
"""The tower that open_clip builds where another one takes its place."""
_EXTRA_KEYS = ("mean", "std", "tokenizer", "custom_text")
"""Keys of a configuration that the models of open_clip do not accept."""


class ClipPerceptor(nn.Module):
    """An open_clip model behind the `Perceptor` protocol; `mean` and `std` are per channel."""

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
        self._mapped_text: list[Tensor] = []
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @property
    def input_size(self) -> int:
        """Side in pixels of the pictures that `encode_image` takes."""
        size: Any = self.model.visual.image_size
        return size[0] if isinstance(size, tuple) else size

    @property
    def is_float32(self) -> bool:
        """True if the image tower computes in float32."""
        return self._dtype == torch.float32

    def encode_image(self, images: Tensor) -> Tensor:
        """Embed `images` (N, 3, S, S), floats in [0, 1], as unit vectors (N, D)."""
        return F.normalize(self.image_features(images), dim=-1)

    def image_features(self, images: Tensor) -> Tensor:
        """Embed `images` (N, 3, S, S), floats in [0, 1], as vectors (N, D) of any length."""
        normal = torch.addcmul(-self.mean / self.std, images, 1 / self.std)
        return self.model.encode_image(normal.to(self._dtype)).float()

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Freeze all weights, and let the image tower compute in `dtype`.

        Layers of the image tower are replaced by equivalent ones of `engine.models.frozen_layers`.
        The text tower runs only once per prompt, so it is left unchanged.
        """
        freeze_image_tower(self.model.visual, dtype)
        self._dtype = dtype
        self.eval().requires_grad_(False)

    def multiply_by_onednn(self) -> None:
        """Let oneDNN compute the products of the frozen image tower, in float32 on a CPU."""
        multiply_by_onednn(self.model.visual)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Embed `texts` as unit vectors (N, D)."""
        return F.normalize(self.text_features(texts), dim=-1)

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Embed `texts` as vectors (N, D) of any length."""
        tokens = self.tokenizer(list(texts)).to(self.mean.device)
        features = self.model.encode_text(tokens).float()
        release(self._mapped_text)
        return features

    def release_between_prompts(self) -> None:
        """Let the text tower take no memory between prompts, if a file holds its weights."""
        named = self.model.named_parameters()
        text = [each for name, each in named if not name.startswith("visual.")]
        self._mapped_text = [each for each in text if each.is_cpu] if any_mapped(text) else []

    def truncate_to_context(self, text: str) -> str:
        """Return the beginning of `text` that fits into the context, or all of it."""
        if isinstance(self.tokenizer, FileTokenizer):
            room = self.tokenizer.room
        else:
            room = len(self.tokenizer("")[0]) - 2  # the start and the end token
        lengths = range(1, len(text) + 1)
        fitting = bisect_right(lengths, room, key=lambda n: len(self.tokenizer.encode(text[:n])))
        return text[:fitting]


def freeze_image_tower(tower: nn.Module, dtype: torch.dtype) -> None:
    """Let an image tower of open_clip compute in `dtype`, in layers that store less."""
    for module in list(tower.modules()):
        for name, child in list(module.named_children()):
            if layer := _frozen_replacement(module, child):
                setattr(module, name, layer)
    cast_frozen(tower, dtype)


def _frozen_replacement(parent: nn.Module, layer: Any) -> nn.Module | None:
    """Return the frozen layer that replaces a layer of `parent`, or None if it can stay."""
    if isinstance(parent, ResidualAttentionBlock) and isinstance(layer, nn.MultiheadAttention):
        return SelfAttention(layer) if layer.batch_first else None
    if PatchEmbedding.fits(layer):
        return PatchEmbedding(layer)
    return QuickGELU() if isinstance(layer, OpenClipQuickGELU) else None


def build_clip(
    config: dict[str, Any], tokenizer: Path | None = None
) -> tuple[CLIP | CustomTextCLIP, open_clip.SimpleTokenizer | FileTokenizer]:
    """Build an untrained model and its tokenizer from an open_clip model configuration.

    Args:
        config: Configuration for `build_towers`, with the optional keys of `normalization`, and
            as `tokenizer` either `SIMPLE_TOKENIZER` or the result of `file_tokenizer`.
        tokenizer: Path of the tokenizer file, if the configuration names one.

    Raises:
        ValueError: The configuration names a tower or a tokenizer that is not supported.
        ModelError: The tokenizer file cannot be used.
    """
    model = build_towers(config)
    text, kind = config["text_cfg"], config.get("tokenizer", SIMPLE_TOKENIZER)
    if kind == SIMPLE_TOKENIZER:
        length = text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)
        return model, open_clip.SimpleTokenizer(context_length=length)
    if tokenizer is None or (sha256 := tokenizer_hash(config)) is None:
        raise ValueError(f"the tokenizer must be {SIMPLE_TOKENIZER} or that of a file")
    return model, read_tokenizer(tokenizer, text, sha256)


def build_towers(config: dict[str, Any]) -> CLIP | CustomTextCLIP:
    """Build an untrained model from an open_clip model configuration, without network access.

    Args:
        config: `embed_dim`, `vision_cfg`, `text_cfg` and optionally `quick_gelu`, `custom_text`
            and `init_logit_bias`, as in open_clip's configuration files; or in `vision_cfg` as
            `convolutional` the arguments of a `ConvolutionalTower`. In `text_cfg`, `token_width`
            makes the table of tokens narrower than the tower (Lan et al., "ALBERT", 2020).

    Raises:
        ValueError: A tower belongs to another library and is not one of `TIMM_TOWERS`.
    """
    text, vision = config["text_cfg"], config["vision_cfg"]
    timm = vision.get("timm_model_name")
    if text.get("hf_model_name") or (timm and timm not in TIMM_TOWERS):
        raise ValueError(
            "only SigLIP 2's towers, ConvNeXt-Base and those that open_clip builds by itself are "
            "supported"
        )
    kind = CustomTextCLIP if config.get("custom_text") else CLIP
    own = {key: value for key, value in config.items() if key not in _EXTRA_KEYS}
    if timm:
        own["vision_cfg"] = vision | {"timm_model_pretrained": False}
    convolutional, token_width = vision.get("convolutional"), text.get("token_width")
    if convolutional:
        own["vision_cfg"] = _SMALLEST_VIT
    if token_width:
        own["text_cfg"] = {key: value for key, value in text.items() if key != "token_width"}
    model = kind(**own)
    if convolutional:
        tower: Any = ConvolutionalTower(**convolutional, embed_dim=config["embed_dim"])
        model.visual = tower
    if token_width:
        model.token_embedding = _narrow_tokens(text["vocab_size"], token_width, text["width"])
    return model


def _narrow_tokens(count: int, token_width: int, width: int) -> Any:
    tokens, widen = nn.Embedding(count, token_width), nn.Linear(token_width, width, bias=False)
    nn.init.normal_(tokens.weight, std=0.02)
    nn.init.normal_(widen.weight, std=token_width**-0.5)
    return nn.Sequential(tokens, widen)


def file_tokenizer(sha256: str) -> dict[str, str]:
    """Return the `tokenizer` entry of a configuration for a tokenizer file with this SHA-256."""
    return {"sha256": sha256}


def tokenizer_hash(config: dict[str, Any]) -> str | None:
    """Return the SHA-256 of the tokenizer file that a configuration names, or None."""
    kind = config.get("tokenizer")
    sha256 = kind.get("sha256") if isinstance(kind, dict) else None
    return sha256 if isinstance(sha256, str) else None


def normalization(config: dict[str, Any]) -> tuple[Sequence[float], Sequence[float]]:
    """Return the mean and standard deviation in a configuration, by default OpenAI's."""
    mean = config.get("mean", open_clip.OPENAI_DATASET_MEAN)
    return mean, config.get("std", open_clip.OPENAI_DATASET_STD)


def rebuild_causal_mask(model: CLIP | CustomTextCLIP) -> None:
    """Rebuild the text tower's causal mask, which is not part of the weights.

    A model that was built on the meta device lacks its values. SigLIP has no such mask.
    """
    tower: Any = model.text if isinstance(model, CustomTextCLIP) else model
    if tower.attn_mask is not None:
        length = model.context_length
        tower.attn_mask = torch.full((length, length), -torch.inf).triu(1)
