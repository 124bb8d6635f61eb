"""Generators without weights: what is optimized are the pixels themselves, in some form.

In which form decides what the gradient of a perceptor makes of them: plain pixels become noise,
and forms in which large shapes are as easy to change as small ones become pictures. All of them
work with any perceptor, without the download of a network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.images.tiling import Tile
from engine.models.protocols import State
from engine.models.wrapping import bicubic
from engine.recipes.generator_kinds import GeneratorKind
from engine.recipes.recipe import Quantization, Start

MAX_MULTIPLE = 64
DARKEST = 0.01
"""Least value of a pixel of an encoded picture: the logit of 0 is infinite."""
PALETTE_COLORS, KMEANS_STEPS = 8, 10
"""Number of colors of a palette, and of steps in which those of a picture are found."""


@dataclass(frozen=True)
class PixelConfig:
    """A generator without weights, from a file that is not trusted.

    Raises ValueError for a bad value.
    """

    multiple: int
    """Width and height of its pictures are multiples of this number of pixels."""

    def __post_init__(self) -> None:
        if type(self.multiple) is not int or not 1 <= self.multiple <= MAX_MULTIPLE:
            raise ValueError(f"multiple must be a whole number from 1 to {MAX_MULTIPLE}")


class Pixels(nn.Module):
    """What all generators without weights have in common.

    Attributes:
        gain: factor from a state's numbers to the logits of the picture, the only number in the
            weights file.
        multiple: width and height of the pictures are multiples of this number of pixels.
        rate: learning rate in units of the recipe's.
    """

    rate = 1.0
    ways: tuple[Quantization, ...] = GeneratorKind().ways
    starts: tuple[Start, ...] = GeneratorKind().starts

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        self.multiple = config.multiple
        self.gain: Tensor
        self.register_buffer("gain", torch.ones(()))

    @property
    def device(self) -> torch.device:
        """Device on which states must be."""
        return self.gain.device

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Keep everything as it is: there are no layers, and pixels stay in float32."""

    def settled(self, state: State, way: Quantization, random: torch.Generator | None) -> State:  # noqa: ARG002 (nothing is quantized)
        """Return the state as it is."""
        return state

    def pull(self, state: State, way: Quantization) -> Tensor:  # noqa: ARG002 (one way)
        """Return 0 (N,): there is no distribution that the numbers should have."""
        return state[0].new_zeros(len(state[0]))


class Pyramid(Pixels):
    """Pictures of all sizes, each half as large as the one before, enlarged and added.

    That is Direct Ascent Synthesis (Fort and Whitaker, 2025, arXiv 2502.07753). The state has a
    tensor (N, 3, h, w) for each size, from that of the picture to a single pixel, and the sum is
    the logit of the picture.
    """

    rate = 0.6

    def start(self, size: tuple[int, int], way: Quantization, random: torch.Generator) -> State:  # noqa: ARG002 (one way)
        """Return small random numbers for `size` (width, height): a nearly gray picture."""
        width, height = size
        shapes = [(1, 3, *each) for each in _halvings(height, width)]
        return tuple(
            0.1 * torch.randn(each, generator=random, device=self.device) for each in shapes
        )

    def encode(self, picture: Tensor, *, tile: Tile = "none") -> State | None:
        """Return what each size adds to the coarser ones of `picture` (1, 3, H, W) in [0, 1]."""
        left = logits(picture) / self.gain
        state: list[Tensor] = []
        for size in reversed(_halvings(*picture.shape[2:])):
            state.append(F.adaptive_avg_pool2d(left, size))
            left = left - _enlarged(state[-1], left.shape[2:], tile)
        return tuple(reversed(state))

    def decode(
        self,
        state: State,
        *,
        recompute: bool = False,  # noqa: ARG002 (it keeps little)
        tile: Tile = "none",
    ) -> Tensor:
        """Return the picture (N, 3, H, W) in [0, 1]."""
        size = state[0].shape[2:]
        added = torch.stack([_enlarged(each, size, tile) for each in state]).sum(0)
        return torch.sigmoid(self.gain * added)

    def free(self, state: State, mask: Tensor) -> State:
        """Return 1 for each cell of each size that has a pixel of `mask` (1, 1, H, W), else 0."""
        sizes = [each.shape[2:] for each in state]
        return tuple((F.adaptive_max_pool2d(mask, each) > 0).float() for each in sizes)


class Palette(Pixels):
    """A few colors, and which of them each square of pixels has: pixel art.

    After the limited palette of pytti. The state is the colors (N, K, 3), as
    logits, and for each square how much each color suits it (N, K, h, w). The likeliest one is
    shown; the gradient is that of the softmax.
    """

    rate = 0.5

    def start(self, size: tuple[int, int], way: Quantization, random: torch.Generator) -> State:  # noqa: ARG002 (one way)
        """Return random colors, and random choices for `size` (width, height)."""
        width, height = size
        cells = (height // self.multiple, width // self.multiple)
        colors = torch.randn((1, PALETTE_COLORS, 3), generator=random, device=self.device)
        choices = torch.randn((1, PALETTE_COLORS, *cells), generator=random, device=self.device)
        return 1.5 * colors, 0.3 * choices

    def encode(self, picture: Tensor, *, tile: Tile = "none") -> State | None:  # noqa: ARG002 (squares do not overlap)
        """Find the colors of a `picture` (1, 3, H, W) in [0, 1] by k-means, and choose them."""
        cells = F.avg_pool2d(picture, self.multiple)
        points = cells[0].flatten(1).T  # (h * w, 3)
        colors = points.mean(0, keepdim=True)
        while len(colors) < PALETTE_COLORS:  # the next one is the point that is farthest from all
            farthest = torch.cdist(points, colors).amin(1).argmax()
            colors = torch.cat((colors, points[farthest][None]))
        for _ in range(KMEANS_STEPS):
            nearest = F.one_hot(torch.cdist(points, colors).argmin(1), PALETTE_COLORS).float()
            counts = nearest.sum(0)[:, None]
            colors = torch.where(counts > 0, nearest.T @ points / counts.clamp(min=1), colors)
        choices = -torch.cdist(points, colors).T.reshape(1, PALETTE_COLORS, *cells.shape[2:])
        return (logits(colors) / self.gain)[None], choices

    def settled(self, state: State, way: Quantization, random: torch.Generator | None) -> State:  # noqa: ARG002 (one way)
        """Return the colors, and 1 for the likeliest one of each square, else 0 (N, K, h, w)."""
        colors, choices = state
        soft = choices.softmax(1)
        hard = F.one_hot(choices.argmax(1), choices.shape[1]).permute(0, 3, 1, 2).to(soft.dtype)
        return colors, hard + soft - soft.detach()

    def decode(
        self,
        state: State,
        *,
        recompute: bool = False,  # noqa: ARG002 (it keeps little)
        tile: Tile = "none",  # noqa: ARG002 (squares do not overlap)
    ) -> Tensor:
        """Return the picture (N, 3, H, W) in [0, 1] of a settled state."""
        colors, chosen = state
        cells = torch.einsum("nkc,nkhw->nchw", torch.sigmoid(self.gain * colors), chosen)
        return F.interpolate(cells, scale_factor=float(self.multiple), mode="nearest")

    def free(self, state: State, mask: Tensor) -> State:
        """Return 1 for the colors, and for each square that has a pixel of `mask` (1, 1, H, W)."""
        return state[0].new_ones(1, 1, 1), (F.max_pool2d(mask, self.multiple) > 0).float()


def _halvings(height: int, width: int) -> list[tuple[int, int]]:
    """Return the sizes from (height, width) to (1, 1), each half of the one before, rounded up."""
    sizes = [(height, width)]
    while max(sizes[-1]) > 1:
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes


def _enlarged(images: Tensor, size: Sequence[int], tile: Tile) -> Tensor:
    return images if tuple(images.shape[2:]) == tuple(size) else bicubic(images, size, tile)


def logits(picture: Tensor) -> Tensor:
    """Return the numbers of which a logistic function makes a picture with values in [0, 1]."""
    return torch.logit(picture.clamp(DARKEST, 1 - DARKEST))
