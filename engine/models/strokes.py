"""A generator without weights that draws lines: a picture is a few strokes on a plain ground.

After CLIPDraw (Frans, Soros and Witkowski, 2021, arXiv 2106.14843): what is optimized are the
control points, widths, colors and opacities of Bézier curves. CLIPDraw draws them by diffvg. Here
a stroke is all that is nearer to its curve than half its width, with an edge that is one pixel
wide, so that plain tensors do. `engine.images.drawing` writes the same numbers as SVG.

Shapes: N pictures, K strokes, H x W pixels.
"""

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from engine.images.drawing import Color, Drawing, Stroke
from engine.images.tiling import Tile, wraps_of
from engine.models.pixels import Pixels
from engine.models.protocols import State
from engine.recipes.generator_kinds import KINDS
from engine.recipes.recipe import Quantization

STROKES = 32
"""Number of strokes of a picture."""
LENGTH, WIDTH, WIDEST = 0.15, 0.08, 0.6
"""Length of a stroke at the start, as a share of the canvas; its width and the greatest width, in
units of the root of the canvas's area."""
OPACITY, GROUND = 1.0, 2.0
"""Logits of opacities and of the ground at the start: 73 % opaque strokes on nearly white."""
POINT_STEP, COLOR_STEP = 0.1, 2.0
"""Share of the canvas by which a control point moves, and change of a color's logit, when their
number changes by 1. Adam moves all numbers alike, so such units are learning rates."""

_SAMPLES, _REFINEMENTS = 16, 2
"""Number of points of a curve among which the nearest one is sought, and of steps from there."""
_BAND = 2**20
"""Greatest number of distances (N x K x rows x W) that are kept for the gradient at once. Larger
pictures are computed in bands of rows, and again for the gradient."""
_OPAQUE = 0.9999
"""Greatest opacity: what is behind a stroke keeps a gradient."""


class Inks(NamedTuple):
    """Strokes as they are drawn; the first one is topmost."""

    points: Tensor
    """Control points (N, K, 4, 2) in pixels: x, y."""
    widths: Tensor
    """Widths (N, K) in pixels."""
    colors: Tensor
    """Colors (N, K, 3) in [0, 1]."""
    opacities: Tensor
    """Opacities (N, K) in [0, 1]."""
    ground: Tensor
    """Color of the ground (N, 3) in [0, 1]."""


class Strokes(Pixels):
    """Strokes on a plain ground.

    The state is the control points (N, K, 4, 2), widths (N, K), colors (N, K, 3), opacities (N, K)
    and the ground (N, 3), all in units in which Adam's steps suit them, and a tensor
    (N, H, W, 0) without numbers, from which the size of the picture follows.
    """

    rate = 0.3
    starts = KINDS["strokes"].starts

    def start(self, size: tuple[int, int], way: Quantization, random: torch.Generator) -> State:  # noqa: ARG002 (one way)
        """Return short strokes of random directions and colors, spread over a white ground."""
        width, height = size

        def draw(*shape: int) -> Tensor:
            return torch.rand((1, *shape), generator=random, device=self.device)

        columns = math.ceil(math.sqrt(STROKES * width / height))
        rows = math.ceil(STROKES / columns)
        number = torch.arange(STROKES, device=self.device)
        cells = draw(STROKES, 2) + torch.stack((number % columns, number // columns), -1)
        middles = torch.stack((cells[..., 0] / columns, cells[..., 1] / rows), -1) - 0.5
        angles = 2 * math.pi * draw(STROKES, 1, 1)
        along = LENGTH * (torch.arange(4, device=self.device) / 3 - 0.5)[:, None]
        offsets = along * torch.cat((angles.cos(), angles.sin()), -1)
        offsets = offsets + 0.3 * LENGTH * (draw(STROKES, 4, 2) - 0.5)
        return (
            (middles[:, :, None] + offsets) / POINT_STEP,
            math.log(WIDTH / (WIDEST - WIDTH)) + 0.2 * (draw(STROKES) - 0.5),
            (2 * draw(STROKES, 3) - 1) / COLOR_STEP,
            torch.full((1, STROKES), OPACITY, device=self.device),
            torch.full((1, 3), GROUND / COLOR_STEP, device=self.device),
            torch.empty((1, height, width, 0), device=self.device),
        )

    def encode(self, picture: Tensor, *, tile: Tile = "none") -> State | None:  # noqa: ARG002 (there is no way back)
        """Return None: strokes cannot be found in a picture."""
        return None

    def decode(
        self,
        state: State,
        *,
        recompute: bool = False,  # noqa: ARG002 (large pictures are always recomputed)
        tile: Tile = "none",
    ) -> Tensor:
        """Return the picture (N, 3, H, W) in [0, 1]."""
        inks, (height, width) = self.inks(state, tile), state[-1].shape[1:3]
        count = inks.widths.numel() * width
        rows = max(1, _BAND // count)
        if rows >= height:
            return _render(inks, 0, height, width)
        bands = [
            cast(
                Tensor,
                checkpoint(
                    _render,
                    inks,
                    top,
                    min(rows, height - top),
                    width,
                    use_reentrant=False,
                    preserve_rng_state=False,
                ),
            )
            for top in range(0, height, rows)
        ]
        return torch.cat(bands, 2)

    def free(self, state: State, mask: Tensor) -> State:  # noqa: ARG002 (a stroke can go anywhere)
        """Return 1 for all numbers: each stroke can move to where the mask is."""
        return tuple(each.new_ones((1,) * each.dim()) for each in state)

    def inks(self, state: State, tile: Tile = "none") -> Inks:
        """Return the strokes of a state in pixels and colors; those of a tile with copies."""
        points, widths, colors, opacities, ground, canvas = state
        height, width = canvas.shape[1:3]
        x = width * (0.5 + POINT_STEP * points[..., 0])
        y = height * (0.5 + POINT_STEP * points[..., 1])
        inks = Inks(
            torch.stack((x, y), -1),
            math.sqrt(width * height) * WIDEST * torch.sigmoid(self.gain * widths),
            torch.sigmoid(self.gain * COLOR_STEP * colors),
            torch.sigmoid(self.gain * opacities).clamp(max=_OPAQUE),
            # An empty sum gives the canvas its gradient, which has no numbers either.
            torch.sigmoid(self.gain * COLOR_STEP * ground) + canvas.sum(),
        )
        return inks if tile == "none" else _with_copies(inks, (height, width), tile)

    @torch.no_grad()
    def drawing(self, state: State, tile: Tile = "none") -> Drawing:
        """Return the strokes of a batch of one as data, from the lowest to the topmost."""
        inks = self.inks(state, tile)
        height, width = state[-1].shape[1:3]
        values = (each[0].tolist() for each in inks)
        points, widths, colors, opacities, ground = values
        strokes = [
            Stroke(tuple(map(tuple, each)), thick, _color(color), opacity)
            for each, thick, color, opacity in zip(points, widths, colors, opacities, strict=True)
        ]
        return Drawing((width, height), _color(ground), strokes[::-1])


def _with_copies(inks: Inks, size: tuple[int, int], tile: Tile) -> Inks:
    """Add copies of each stroke on all sides on which a canvas of `size` (H, W) wraps.

    A stroke that has left the canvas comes back on the opposite side.
    """
    (height, width), wraps, device = size, wraps_of(tile), inks.points.device
    around = torch.arange(-1, 2, device=device)
    x = around * width if wraps.columns else around[1:2]
    y = around * height if wraps.rows else around[1:2]
    middles_x, middles_y = inks.points.detach().mean(2).unbind(-1)
    home_x = width * (middles_x / width).floor() if wraps.columns else 0 * middles_x
    home_y = height * (middles_y / height).floor() if wraps.rows else 0 * middles_y
    shifts = torch.stack((x.repeat(len(y)), y.repeat_interleave(len(x))), -1)  # (S, 2)
    points = inks.points - torch.stack((home_x, home_y), -1)[:, :, None]
    points = (points[:, :, None] + shifts[:, None]).flatten(1, 2)  # (N, K * S, 4, 2)
    widths, colors, opacities = (each.repeat_interleave(len(shifts), 1) for each in inks[1:4])
    return Inks(points, widths, colors, opacities, inks.ground)


def _render(inks: Inks, top: int, height: int, width: int) -> Tensor:
    """Draw `height` rows from row `top` on, as (N, 3, height, width)."""
    device = inks.widths.device
    x = torch.arange(width, device=device) + 0.5
    y = (torch.arange(top, top + height, device=device) + 0.5)[:, None]
    # The nearest point of a curve stays the nearest one to first order, so that its parameter
    # needs no gradient.
    weights = _bernstein(_nearest(inks.points.detach(), x, y))
    away_x, away_y = _offsets(weights, inks.points, x, y)
    distances = (away_x.square() + away_y.square() + 1e-4).sqrt()
    covered = (inks.widths[..., None, None] / 2 - distances + 0.5).clamp(0, 1)
    opacities = inks.opacities[..., None, None] * covered  # (N, K, height, width)
    logs = torch.log1p(-opacities)
    behind = logs.cumsum(1)  # how much of what is behind each stroke is seen
    seen = opacities * (behind - logs).exp()
    colors = torch.einsum("nkhw,nkc->nchw", seen, inks.colors)
    return colors + behind[:, -1:].exp() * inks.ground[..., None, None]


@torch.no_grad()
def _nearest(points: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return where in [0, 1] on each curve the point nearest to each pixel is, (N, K, H, W)."""
    samples = torch.arange(_SAMPLES, device=points.device) / (_SAMPLES - 1)
    on_curve = torch.einsum("js,nkjc->snkc", _bernstein(samples), points)[..., None, None]
    least = (x - on_curve[0, :, :, 0]).square() + (y - on_curve[0, :, :, 1]).square()
    found = torch.zeros_like(least)
    for index in range(1, _SAMPLES):
        squares = (x - on_curve[index, :, :, 0]).square() + (y - on_curve[index, :, :, 1]).square()
        found.masked_fill_(squares < least, index / (_SAMPLES - 1))
        least = torch.minimum(least, squares)
    reach = 0.5 / (_SAMPLES - 1)
    for _ in range(_REFINEMENTS):  # towards the foot of the perpendicular
        away_x, away_y = _offsets(_bernstein(found), points, x, y)
        slopes = _slopes(found)
        along_x = torch.einsum("jnkhw,nkj->nkhw", slopes, points[..., 0])
        along_y = torch.einsum("jnkhw,nkj->nkhw", slopes, points[..., 1])
        speeds = (along_x.square() + along_y.square()).clamp(min=1e-6)
        move = (away_x * along_x + away_y * along_y) / speeds
        found = (found + move.clamp(-reach, reach)).clamp(0, 1)
        reach /= 2
    return found


def _offsets(weights: Tensor, points: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far pixels are from points on the curves, along x and y, (N, K, H, W) each."""
    curve_x = torch.einsum("jnkhw,nkj->nkhw", weights, points[..., 0])
    curve_y = torch.einsum("jnkhw,nkj->nkhw", weights, points[..., 1])
    return x - curve_x, y - curve_y


def _bernstein(t: Tensor) -> Tensor:
    """Return the weights (4, ...) of the control points at `t` in [0, 1]."""
    u = 1 - t
    return torch.stack((u**3, 3 * u.square() * t, 3 * u * t.square(), t**3))


def _slopes(t: Tensor) -> Tensor:
    """Return the derivatives (4, ...) of the weights at `t`."""
    u = 1 - t
    return torch.stack(
        (
            -3 * u.square(),
            3 * u.square() - 6 * u * t,
            6 * u * t - 3 * t.square(),
            3 * t.square(),
        )
    )


def _color(values: list[float]) -> Color:
    red, green, blue = values
    return red, green, blue
