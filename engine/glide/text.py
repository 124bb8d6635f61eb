"""GLIDE's text tower: a transformer whose output guides every block of a UNet.

Nichol et al., 2021, Section 4.1. Keys are those of the published files, in which the text tower's
tensors lie beside the UNet's.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.glide.config import TextConfig


@dataclass(frozen=True)
class EncodedText:
    """N texts as a UNet sees them."""

    vector: Tensor
    """What is added to the embedding of the timestep, (N, embedding width), float32."""
    sequence: Tensor
    """What the pictures attend to beside themselves, (N, tokens, text width)."""

    def repeated(self, count: int) -> "EncodedText":
        """Return the texts `count` times, one after the other."""
        return EncodedText(self.vector.repeat(count, 1), self.sequence.repeat(count, 1, 1))


class TextTower(nn.Module):
    """A text tower; not causal, with a learned embedding for each position that has no token."""

    def __init__(self, config: TextConfig, out: int) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.zeros(config.context, config.width))
        self.padding_embedding = nn.Parameter(torch.zeros(config.context, config.width))
        self.token_embedding = nn.Embedding(config.vocabulary, config.width)
        self.transformer = _Transformer(config)
        self.final_ln = nn.LayerNorm(config.width)
        self.transformer_proj = nn.Linear(config.width, out)

    def encode_text(self, tokens: Tensor, present: Tensor) -> EncodedText:
        """Encode texts.

        Args:
            tokens: Tokens (N, context), long.
            present: True (N, context) where there is a token, False where there is padding.
        """
        embedded = self.token_embedding(tokens) + self.positional_embedding
        embedded = torch.where(present[..., None], embedded, self.padding_embedding)
        hidden = self.transformer(embedded.to(self.transformer.dtype))
        hidden = self.final_ln(hidden)
        vector = self.transformer_proj(hidden[:, -1].to(self.transformer_proj.weight.dtype))
        return EncodedText(vector, hidden)


class _Transformer(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        blocks = (_Block(config.width, config.heads) for _ in range(config.layers))
        self.resblocks = nn.ModuleList(blocks)

    @property
    def dtype(self) -> torch.dtype:
        return cast(_Block, self.resblocks[0]).attn.c_qkv.weight.dtype

    def forward(self, hidden: Tensor) -> Tensor:
        for block in self.resblocks:
            hidden = block(hidden)
        return hidden


class _Block(nn.Module):
    """A transformer block with its norms first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = _Attention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = _MLP(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self.attn(self.ln_1(hidden))
        return hidden + self.mlp(self.ln_2(hidden))


class _Attention(nn.Module):
    """Self-attention whose projected channels are ordered by head, then query, key, value."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_qkv = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        projected = self.c_qkv(hidden).unflatten(-1, (self.heads, 3, -1))
        query, key, value = projected.permute(3, 0, 2, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.c_proj(attended.transpose(1, 2).flatten(2))


class _MLP(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.c_proj(F.gelu(self.c_fc(hidden)))
