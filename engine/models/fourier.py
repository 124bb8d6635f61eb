"""A generator without weights that paints by frequencies, in the colors of photographs.

After Olah, Mordvintsev and Schubert (Feature Visualization, 2017): as in photographs, a frequency f
counts 1 / f, and channels are independent. What is optimized there are the coefficients of the
spectrum. But Adam moves each number as much as each other one, and waves that are equally strong
fill the whole picture. Here it is pixels whose frequencies are scaled before they are shown: the
same pictures, but what changes one place leaves distant ones alone.
"""

import torch
from torch import Tensor

from engine.images.tiling import Tile
from engine.models.pixels import Pixels, logits
from engine.models.protocols import State
from engine.recipes.recipe import Quantization

AMPLITUDE = 3.0
"""Scale of the lowest frequencies."""
COLORS = ((0.56, 0.18, 0.15), (0.56, 0.0, -0.28), (0.56, -0.19, 0.13))
"""How much red, green and blue have of each channel: brightness, yellow against blue, and red
against green. Colors of photographs vary most in brightness."""


class Fourier(Pixels):
    """Pixels whose frequencies are scaled; the state is one tensor (N, 3, H, W)."""

    rate = 0.6

    def start(self, size: tuple[int, int], way: Quantization, random: torch.Generator) -> State:  # noqa: ARG002 (one way)
        """Return small random numbers for `size` (width, height): a nearly gray picture."""
        width, height = size
        shape = (1, 3, height, width)
        return (0.1 * torch.randn(shape, generator=random, device=self.device),)

    def encode(self, picture: Tensor, *, tile: Tile = "none") -> State | None:  # noqa: ARG002 (waves wrap around in any case)
        """Return the numbers that show a `picture` (1, 3, H, W) in [0, 1]."""
        values = (logits(picture) / self.gain).flatten(2)
        channels = torch.linalg.solve(torch.tensor(COLORS, device=picture.device), values)
        channels = channels.view_as(picture)
        return (_scaled(channels, 1 / _amplitudes(picture)),)

    def decode(
        self,
        state: State,
        *,
        recompute: bool = False,  # noqa: ARG002 (it keeps little)
        tile: Tile = "none",  # noqa: ARG002 (waves wrap around in any case)
    ) -> Tensor:
        """Return the picture (N, 3, H, W) in [0, 1]."""
        (numbers,) = state
        brightness, yellow, red = _scaled(numbers, _amplitudes(numbers)).unbind(1)
        mixed = [a * brightness + b * yellow + c * red for a, b, c in COLORS]
        return torch.sigmoid(self.gain * torch.stack(mixed, 1))

    def free(self, state: State, mask: Tensor) -> State:  # noqa: ARG002 (it has one grid)
        """Return 1 for each pixel of `mask` (1, 1, H, W), else 0."""
        return ((mask > 0).float(),)


def _scaled(images: Tensor, amplitudes: Tensor) -> Tensor:
    spectrum = torch.fft.rfft2(images, norm="ortho") * amplitudes
    return torch.fft.irfft2(spectrum, images.shape[2:], norm="ortho")


def _amplitudes(images: Tensor) -> Tensor:
    """Return the scale of each frequency (H, W // 2 + 1): 1 / f in waves over the longer side."""
    height, width = images.shape[2:]
    longer = max(height, width)
    rows = torch.fft.fftfreq(height, 1 / longer, device=images.device)[:, None]
    columns = torch.fft.rfftfreq(width, 1 / longer, device=images.device)
    return AMPLITUDE / torch.hypot(rows, columns).clamp(min=1)
