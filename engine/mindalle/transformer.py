"""minDALL-E's second stage: a transformer that reads a text and writes the codes of a VQGAN.

A decoder-only transformer with normalization before each layer, exact GELU and learnt positions.
Text and picture have embeddings of their own. The text always fills its positions, padding
included, and is followed by the codes row by row. The parts have the key names of the published
checkpoint (kakaobrain/minDALL-E, dalle/models/stage2), without `head_txt`, which only trains.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.recipes.mindalle_recipe import ROWS

CODES = ROWS * ROWS
"""Number of codes of a picture, which is square."""
MLP_RATIO = 4
"""Hidden units of the layers between two attentions, as a multiple of the width."""

_LIMITS = {
    "tokens": 2**18,
    "text_length": 2**10,
    "codes": 2**18,
    "width": 2**13,
    "layers": 128,
    "heads": 128,
}
_MAX_WORD = 64
"""Maximum length of a word in `TransformerConfig.words`."""


@dataclass(frozen=True)
class TransformerConfig:
    """The architecture of the transformer.

    Values may come from an untrusted file, so all are checked.

    Raises:
        ValueError: A value has a wrong type or is out of range.
    """

    tokens: int
    """Number of text tokens that have an embedding."""
    text_length: int
    """Number of positions of the text, which is cut off or padded."""
    codes: int
    """Number of entries of the codebook."""
    width: int
    layers: int
    heads: int
    words: tuple[str, ...] = ()
    """Words of which each is a token, for models that know few; empty if the tokenizer is a file.
    """

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= limit:
                raise ValueError(f"{name} must be a whole number from 1 to {limit}")
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, not {self.width}")
        if not all(isinstance(word, str) and len(word) <= _MAX_WORD for word in self.words):
            raise ValueError(f"words must be texts of at most {_MAX_WORD} characters")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Create a configuration from JSON values, with a list for a tuple."""
        fields: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**fields)

    @property
    def length(self) -> int:
        """Number of positions of text and picture together."""
        return self.text_length + CODES


class Cache:
    """The keys and values of all positions so far, so that a new position needs only itself."""

    def __init__(self, config: TransformerConfig, count: int, like: Tensor) -> None:
        """Reserve room for all positions of `count` pictures, on the device of `like`."""
        size = config.width // config.heads
        shape = (config.layers, 2, count, config.heads, config.length, size)
        self.memory = like.new_empty(shape)
        """Keys and values (layers, 2, N, heads, length, width / heads)."""
        self.used = 0
        """Number of positions that are filled."""


class Attention(nn.Module):
    """Causal self-attention with several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.key, self.query, self.value, self.proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, kept: Tensor | None = None, start: int = 0) -> Tensor:
        """Let positions (N, L, width) attend to themselves and to those before them.

        Args:
            x: Positions from `start` on; if it is not 0, L is 1.
            kept: Keys and values (2, M, heads, length, size) of the positions before `start`, to
                which those of `x` are added; N is M or 1.
            start: Number of positions before `x`.
        """
        query, key, value = (
            project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        if kept is not None:
            end = start + x.shape[1]
            kept[0, :, :, start:end], kept[1, :, :, start:end] = key, value
            if start:
                key, value = kept[:, :, :, :end].unbind()
        attended = _attend(query, key, value, is_causal=start == 0)
        return self.proj(attended.transpose(1, 2).flatten(2))


def _attend(query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool) -> Tensor:
    """Compute scaled dot-product attention over (N, heads, L, size)."""
    if query.requires_grad:  # in training on a CPU float32 is faster than torch's mixed precision
        with torch.autocast(query.device.type, enabled=False):
            query, key, value = query.float(), key.float(), value.float()
            return F.scaled_dot_product_attention(query, key, value, is_causal=is_causal)
    return F.scaled_dot_product_attention(query, key, value, is_causal=is_causal)


class Block(nn.Module):
    """An attention and two dense layers, each added to its input.

    The sum is float32 whatever the type of the dense layers' weights.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, MLP_RATIO * width), nn.GELU(), nn.Linear(MLP_RATIO * width, width)
        )

    def forward(self, x: Tensor, kept: Tensor | None = None, start: int = 0) -> Tensor:
        """Map positions (N, L, width) to the same shape; arguments are those of `Attention`."""
        dtype = self.attn.proj.weight.dtype
        x = x + self.attn(self.ln1(x).to(dtype), kept, start)
        return x + self.mlp(self.ln2(x).to(dtype))


class CodeTransformer(nn.Module):
    """The transformer, which gives the logits of each next code."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.tok_emb_img = nn.Embedding(config.codes, width)
        self.tok_emb_txt = nn.Embedding(config.tokens, width)
        self.pos_emb_img = nn.Embedding(CODES, width)
        self.pos_emb_txt = nn.Embedding(config.text_length, width)
        self.blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.layers))
        self.ln_f = nn.LayerNorm(width)
        self.head_img = nn.Linear(width, config.codes, bias=False)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.head_img.weight.device

    def forward(self, tokens: Tensor, codes: Tensor) -> Tensor:
        """Return the logits (N, L + 1, K) of each code, given the text and the codes before it.

        Args:
            tokens: Text tokens (N, text_length).
            codes: The first codes (N, L) of each picture, L at most 255.
        """
        embedded = self.tok_emb_img(codes) + self.pos_emb_img.weight[: codes.shape[1]]
        x = torch.cat((self._embed_text(tokens), embedded), dim=1)
        for block in self.blocks:
            x = block(x)
        return self._logits(x[:, self.config.text_length - 1 :])

    def read(self, tokens: Tensor, count: int) -> tuple[Tensor, Cache]:
        """Read a text (1, text_length), for `count` pictures.

        Returns:
            The logits (count, K) of the first code, and a cache for `next_logits`.
        """
        cache = Cache(self.config, count, self.head_img.weight)
        logits = self._advance(self._embed_text(tokens), cache)
        return logits.expand(count, -1), cache

    def next_logits(self, codes: Tensor, cache: Cache) -> Tensor:
        """Return the logits (N, K) of the code after `codes` (N,), which the cache learns of."""
        position = cache.used - self.config.text_length
        embedded = self.tok_emb_img(codes) + self.pos_emb_img.weight[position]
        return self._advance(embedded[:, None], cache)

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Freeze all weights, and let the dense layers compute in `dtype`."""
        self.eval().requires_grad_(False)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                module.to(dtype)

    def _embed_text(self, tokens: Tensor) -> Tensor:
        return self.tok_emb_txt(tokens) + self.pos_emb_txt.weight

    def _advance(self, x: Tensor, cache: Cache) -> Tensor:
        for block, kept in zip(self.blocks, cache.memory, strict=True):
            x = block(x, kept, cache.used)
        cache.used += x.shape[1]
        return self._logits(x[:, -1])

    def _logits(self, x: Tensor) -> Tensor:
        """Return float32 logits of the codes after these positions."""
        return self.head_img(self.ln_f(x).to(self.head_img.weight.dtype)).float()
