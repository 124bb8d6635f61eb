"""A CLIP that sees noise: its gradient leads a noisy picture to words (Nichol et al., 2021, 2.4).

Keys are those of the published files. Unlike in other CLIPs, an embedding of the timestep stands in
the place of the class token, keys have no bias, and nothing is approximated in GELU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.glide.clip_config import ClipConfig, ClipImageConfig, ClipTextConfig
from engine.glide.config import PICTURE_CHANNELS, TIMESTEPS
from engine.models.frozen_layers import cast_frozen

LOGIT_SCALE = 100.0
"""Factor of cosines, whose gradient guides."""
_MEAN = (122.77093945, 116.74601272, 104.09373519)
_DEVIATION = (68.50053285, 66.63215831, 70.32316309)
"""Mean and standard deviation of each channel of pictures with levels from 0 to 255."""


class _Tower(nn.Module):
    def __init__(self, config: ClipConfig, first: nn.Module, *, causal: bool) -> None:
        super().__init__()
        width = config.width
        layers = {f"block_{i}": _Block(width, config.heads, causal) for i in range(config.layers)}
        self.blocks = nn.ModuleDict(
            {"input": first, **layers, "output": _Output(width, config.out)}
        )

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Freeze all weights, and let the blocks compute in `dtype`; norms stay as they are."""
        self.eval().requires_grad_(False)
        for module in self.modules():
            if isinstance(module, _Affine):
                cast_frozen(module, dtype)

    def _embed(self, hidden: Tensor, pick: Callable[[Tensor], Tensor]) -> Tensor:
        """Return unit vectors (N, out) from the one place (N, width) of each that is picked."""
        for name, block in self.blocks.items():
            if name.startswith("block"):
                hidden = block(hidden)
        embedded = self.blocks["output"](pick(hidden)).float()
        return embedded / (torch.linalg.norm(embedded, dim=-1, keepdim=True) + 1e-12)


class ClipImageTower(_Tower):
    """An image tower that sees noisy pictures and knows how noisy they are."""

    def __init__(self, config: ClipImageConfig) -> None:
        super().__init__(config, _Patches(config), causal=False)
        self.config = config

    def forward(self, images: Tensor, timesteps: Tensor) -> Tensor:
        """Embed pictures (N, 3, side, side) in [-1, 1] at timesteps (N,) as unit vectors."""
        hidden = self.blocks["input"](images, timesteps)
        return self._embed(hidden, lambda hidden: hidden[:, 0])


class ClipTextTower(_Tower):
    """A text tower, which is causal and reads OpenAI's byte pairs."""

    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__(config, _Words(config), causal=True)
        self.config = config

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed texts (N, context), whose largest token is the last one, as unit vectors."""
        ends = tokens.argmax(1)
        return self._embed(
            self.blocks["input"](tokens),
            lambda hidden: hidden[torch.arange(len(hidden), device=hidden.device), ends],
        )


@dataclass(frozen=True)
class NoisyClip:
    """Both towers."""

    image: ClipImageTower
    text: ClipTextTower

    @torch.no_grad()
    def gradient_to(self, prompt: str) -> Callable[[Tensor, int], Tensor]:
        """Return the gradient that leads noisy pictures at a timestep to a prompt.

        It is that of `LOGIT_SCALE` times the cosine, of the pictures' shape (N, 3, side, side).
        """
        from open_clip.tokenizer import SimpleTokenizer

        device = cast(_Patches, self.image.blocks["input"]).w_t.device
        tokens = SimpleTokenizer(context_length=self.text.config.context)(prompt)
        words = self.text(tokens.to(device))

        def gradient(noisy: Tensor, timestep: int) -> Tensor:
            with torch.enable_grad():
                images = noisy.detach().requires_grad_()
                timesteps = torch.full((len(images),), timestep, device=images.device)
                similarity = LOGIT_SCALE * (words * self.image(images, timesteps)).sum()
                return cast(Tensor, torch.autograd.grad(similarity, images)[0])

        return gradient


class _Patches(nn.Module):
    """The embedding of a picture's patches, after one of its timestep."""

    def __init__(self, config: ClipImageConfig) -> None:
        super().__init__()
        places = 1 + (config.side // config.patch) ** 2
        size = (config.width, PICTURE_CHANNELS, config.patch, config.patch)
        self.patch = config.patch
        self.w_t = nn.Parameter(torch.zeros(TIMESTEPS, config.width))
        self.patch_proj = nn.Parameter(torch.zeros(size))
        self.w_pos = nn.Parameter(torch.zeros(places, config.width))
        self.ln = _Norm(config.width)

    def forward(self, images: Tensor, timesteps: Tensor) -> Tensor:
        mean, deviation = (
            torch.tensor(each, device=images.device)[:, None, None] for each in (_MEAN, _DEVIATION)
        )
        levels = ((images + 1) * 127.5 - mean) / deviation
        patches = F.conv2d(levels, self.patch_proj, stride=self.patch).flatten(2).transpose(1, 2)
        first = F.embedding(timesteps, self.w_t)[:, None]
        return self.ln(torch.cat((first, patches), 1) + self.w_pos)


class _Words(nn.Module):
    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.w_voc = nn.Parameter(torch.zeros(config.vocabulary, config.width))
        self.w_pos = nn.Parameter(torch.zeros(config.context, config.width))

    def forward(self, tokens: Tensor) -> Tensor:
        return F.embedding(tokens, self.w_voc) + self.w_pos


class _Norm(nn.Module):
    """A layer norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(width))
        self.b = nn.Parameter(torch.zeros(width))

    def forward(self, hidden: Tensor) -> Tensor:
        return F.layer_norm(hidden.float(), self.g.shape, self.g, self.b)


class _Affine(nn.Module):
    """A linear layer, with a bias or without."""

    def __init__(self, inner: int, outer: int, *, bias: bool = True) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(outer, inner))
        self.b = nn.Parameter(torch.zeros(outer)) if bias else None

    def forward(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden.to(self.w.dtype), self.w, self.b)


class _Block(nn.Module):
    """A transformer block with its norms first."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.f_attn = _Attention(width, heads, causal)
        self.f_mlp = _MLP(width)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self.f_attn(hidden)
        return hidden + self.f_mlp(hidden)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.ln = _Norm(width)
        self.f_q = _Affine(width, width)
        self.f_k = _Affine(width, width, bias=False)
        self.f_v = _Affine(width, width)
        self.f_c = _Affine(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        normalized = self.ln(hidden)
        query, key, value = (
            layer(normalized).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.f_q, self.f_k, self.f_v)
        )
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        return self.f_c(attended.transpose(1, 2).flatten(2))


class _MLP(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln = _Norm(width)
        self.f_1 = _Affine(width, 4 * width)
        self.f_2 = _Affine(4 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.f_2(F.gelu(self.f_1(self.ln(hidden))))


class _Output(nn.Module):
    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.ln = _Norm(width)
        self.f = _Affine(width, out, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.f(self.ln(hidden))
