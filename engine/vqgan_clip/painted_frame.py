"""A painted frame of a clip, and how it looks in the other frames of that clip."""

import torch
from torch import Tensor

from engine.vqgan_clip.optical_flow import find_flow
from engine.vqgan_clip.palette_transfer import PaletteTransfer


class PaintedFrame:
    """A frame of a clip, `source`, and the `picture` that was painted of it; both (1, 3, H, W).

    With a share of `structure` kept, what moves is that share of the change of the clip, not of the
    picture: the outlines and the texture are then those of the clip's own current frame.

    `colors` (K, 3) are the palette of the source in CIELAB; None to find it.
    """

    @torch.no_grad()
    def __init__(
        self, picture: Tensor, source: Tensor, structure: float, colors: Tensor | None = None
    ) -> None:
        self._picture = picture
        self._source = source
        self._structure = structure
        self._palette = PaletteTransfer(source, colors)
        self._shifts = self._palette.color_shifts(picture - source)

    @torch.no_grad()
    def seen_in(self, here: Tensor) -> tuple[Tensor, Tensor]:
        """Return the painted frame as its things are in `here`, another frame (1, 3, H, W).

        What it does not show gets the clip's colors, shifted as they are in this frame. Also return
        how certain each pixel is, (1, 1, H, W), from 0 to 1.
        """
        flow = find_flow(here, self._source)
        new = here - flow.warp(self._source)
        moved = flow.warp(self._picture) + self._structure * new
        recolored = here + self._palette.shifted(self._shifts, here)
        seen = torch.lerp(recolored, moved, flow.certain).clamp(0, 1)
        return seen, flow.certain
