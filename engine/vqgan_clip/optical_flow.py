"""Optical flow: where each pixel of a picture was in another one, and where that is uncertain.

Dense inverse search (Kroeger et al., 2016) by OpenCV finds the flow. It works on one channel, which
is not the brightness here but the direction in which the colors of both pictures differ most: two
colors can be equally bright. The flow is trusted where the flow of the other direction leads back
(Sundaram et al., 2010, as in Ruder et al., 2016) and the colors agree.

OpenCV computes in one thread, so the same pictures give the same flow however busy a machine is.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

_SHORTEST_SIDE = 128
"""Smaller pictures are enlarged, because the search compares patches of 8 pixels."""
_RELATIVE, _ABSOLUTE = 0.01, 0.5
"""How far from its start the way there and back may end, squared: as a share of both ways, and in
squared pixels (Sundaram et al., 2010). The latter grow with a picture of more pixels than
`_SHORTEST_SIDE`, where noise shifts the flow of what looks alike everywhere."""
_COLOR_TOLERANCE = 0.15
"""Difference of colors, of 1, at which a flow counts little. Noise stays far below it."""


@dataclass(frozen=True)
class Flow:
    """Where the pixels of a picture come from in another one of the same size."""

    grid: Tensor
    """Their places there, (1, H, W, 2), in the coordinates of `torch.nn.functional.grid_sample`."""
    certain: Tensor
    """How certain that is, (1, 1, H, W), from 0 to 1: 0 for what cannot be seen there."""

    def warp(self, there: Tensor) -> Tensor:
        """Move the other picture (1, C, H, W) to where its parts are in this one."""
        return F.grid_sample(
            there, self.grid, mode="bicubic", padding_mode="border", align_corners=False
        )


@torch.no_grad()
def find_flow(here: Tensor, there: Tensor) -> Flow:
    """Find where each pixel of the picture `here` is in `there`; both (1, 3, H, W), in [0, 1]."""
    height, width = here.shape[-2:]
    gray = _most_different(here, there)
    forth, back = _dense_flow(*gray), _dense_flow(*reversed(gray))
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    places = np.stack([columns + forth[..., 0], rows + forth[..., 1]], axis=-1)  # (H, W, 2)
    sides = np.array([width, height], dtype=np.float32)
    grid = torch.from_numpy((2 * places + 1) / sides - 1)[None].to(here)
    flow = Flow(grid, torch.ones_like(here[:, :1]))
    motion, returned = (_as_picture(each).to(here) for each in (forth, back))
    certain = _leads_back(motion, flow.warp(returned)) & (grid.abs() <= 1).all(-1)[:, None]
    # Blurred, because noise does not make a flow wrong.
    difference = F.avg_pool2d(
        F.pad((here - flow.warp(there)).abs().amax(1, keepdim=True), [1] * 4, mode="replicate"),
        kernel_size=3,
        stride=1,
    )
    agreement = torch.exp(-(difference / _COLOR_TOLERANCE).square())
    return Flow(grid, certain * agreement)


def _leads_back(forth: Tensor, back: Tensor) -> Tensor:
    """Return where two flows (1, 2, H, W), at the same pixels, cancel: (1, 1, H, W) bool."""
    unit = max(1.0, min(forth.shape[-2:]) / _SHORTEST_SIDE)
    both = (forth.square() + back.square()).sum(1, keepdim=True)
    return (forth + back).square().sum(1, keepdim=True) < _RELATIVE * both + _ABSOLUTE * unit**2


def _as_picture(flow: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(flow).permute(2, 0, 1)[None].contiguous()


def _most_different(*pictures: Tensor) -> list[NDArray[np.uint8]]:
    """Return pictures (1, 3, H, W) as gray ones (H, W), along their first principal component."""
    colors = [each[0].permute(1, 2, 0).cpu().double().numpy() for each in pictures]
    pixels = np.concatenate([each.reshape(-1, 3) for each in colors])
    middle = pixels.mean(0)
    _, directions = np.linalg.eigh(np.cov((pixels - middle).T))
    values = [(each - middle) @ directions[:, -1] for each in colors]
    low, high = min(each.min() for each in values), max(each.max() for each in values)
    scale = 255 / max(high - low, 1 / 255)
    return [np.rint((each - low) * scale).astype(np.uint8) for each in values]


def _dense_flow(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the flow (H, W, 2) in pixels, x and y, by which `here` is found in `there`."""
    import cv2

    cv2.setNumThreads(1)
    height, width = here.shape
    factor = max(1, -(-_SHORTEST_SIDE // min(height, width)))
    first, second = (
        cv2.resize(each, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        for each in (here, there)
    )
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = np.zeros((*first.shape[:2], 2), dtype=np.float32)
    flow = cv2.resize(
        search.calc(first, second, found), (width, height), interpolation=cv2.INTER_AREA
    )
    return np.asarray(flow / factor, dtype=np.float32)
