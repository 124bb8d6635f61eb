"""The two protocols that a generation needs from its models.

The paper stresses that the method is specific to neither VQGAN nor CLIP (Section 2): any
image generator with a differentiable decoder and any joint image-text encoder will do. The loop in
`engine.vqgan_clip.loop` depends only on these protocols.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Perceptor(Protocol):
    """A frozen joint image-text encoder such as CLIP (paper, Section 2.2).

    Each perceptor has its own normalization and tokenizer.
    """

    @property
    def input_size(self) -> int:
        """Side S in pixels of the square pictures that `encode_image` takes."""
        ...

    def encode_image(self, images: Tensor) -> Tensor:
        """Embed `images` (N, 3, S, S), floats in [0, 1], as unit vectors (N, D)."""
        ...

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Embed `texts` as unit vectors (N, D), cut off at the end of the context."""
        ...

    def truncate_to_context(self, text: str) -> str:
        """Return the beginning of `text` that fits into the context, or all of it."""
        ...


class ImageGenerator(Protocol):
    """A frozen autoencoder with a codebook such as VQGAN (paper, Section 2.1)."""

    @property
    def device(self) -> torch.device:
        """Device of the weights, on which latents must also be."""
        ...

    @property
    def factor(self) -> int:
        """Pixels per latent cell along each axis; picture sides are multiples of it."""
        ...

    @property
    def codebook(self) -> Tensor:
        """Codebook (K, C) of vectors that the decoder was trained on."""
        ...

    def encode(self, images: Tensor) -> Tensor:
        """Map `images` (N, 3, H, W) in [0, 1] to latents (N, C, H/factor, W/factor)."""
        ...

    def decode(self, latents: Tensor, *, recompute: bool = False) -> Tensor:
        """Map latents to pictures (N, 3, H, W), nominally in [0, 1] but not clamped.

        With `recompute` most activations are recomputed for the gradient instead of being stored.
        """
        ...
