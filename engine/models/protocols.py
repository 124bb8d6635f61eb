"""The two protocols that a generation needs from its models.

The paper stresses that the method is specific to neither VQGAN nor CLIP (Section 2): any
image generator with a differentiable decoder and any joint image-text encoder will do. The loop in
`engine.vqgan_clip.loop` depends only on these protocols.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from engine.images.tiling import Tile
from engine.recipes.recipe import Quantization, Start

State = tuple[Tensor, ...]
"""What a generator makes a picture of, and all that is optimized: tensors with the batch first, in
float32. That of a VQGAN is one tensor, the paper's z."""


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


class Generator(Protocol):
    """A frozen, differentiable way from numbers to pictures, such as a VQGAN (Section 2.1).

    What it optimizes, and whether there is a codebook, is its own affair: a state has as many
    tensors of whatever shapes as suit it.
    """

    @property
    def device(self) -> torch.device:
        """Device that it computes on, on which states must also be."""
        ...

    @property
    def multiple(self) -> int:
        """Width and height of its pictures are multiples of this number of pixels."""
        ...

    @property
    def ways(self) -> tuple[Quantization, ...]:
        """Quantizations of its state that it knows; the first is the default."""
        ...

    @property
    def starts(self) -> tuple[Start, ...]:
        """Where its runs can start; the first is the default."""
        ...

    @property
    def rate(self) -> float:
        """Learning rate that suits it, in units of the recipe's: that of a VQGAN is 1."""
        ...

    def start(self, size: tuple[int, int], way: Quantization, random: torch.Generator) -> State:
        """Return a random state of a batch of one, for pictures of `size` (width, height)."""
        ...

    def encode(self, picture: Tensor, *, tile: Tile = "none") -> State | None:
        """Return the state of a `picture` (1, 3, H, W) in [0, 1]; None if it cannot encode.

        With a `tile`, the picture is one that continues across its edges.
        """
        ...

    def settled(self, state: State, way: Quantization, random: torch.Generator | None) -> State:
        """Return the state as it is decoded: quantized with a straight-through gradient, or as is.

        Without `random`, nothing is drawn: this is the state of the picture to show.
        """
        ...

    def decode(self, state: State, *, recompute: bool = False, tile: Tile = "none") -> Tensor:
        """Map a settled state to pictures (N, 3, H, W), nominally in [0, 1] but not clamped.

        With `recompute` most activations are recomputed for the gradient instead of being stored.
        With a `tile`, pictures continue across their edges.
        """
        ...

    def pull(self, state: State, way: Quantization) -> Tensor:
        """Return its regularizer (N,), which the recipe weighs: for a VQGAN mean(z^2) (2.4)."""
        ...

    def free(self, state: State, mask: Tensor) -> State:
        """Return 1 for each number of `state` that may change in an edit, else 0.

        `mask` (1, 1, H, W) is above 0 for each pixel that may change. The result has a tensor for
        each of the state's, which can be broadcast to it.
        """
        ...
