"""Terms of the loss: distance to the prompts (2, 2.2) and total variation.

The regulariser (2.4) is the generator's own.
"""

import torch
from torch import Tensor

from engine.images.tiling import Tile, wraps_of

ALMOST_ONE = 1 - 1e-6
"""Maximum of half a chord: at 1, where two vectors are opposite, arcsin has no finite slope."""


def spherical_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return half the squared angle between unit vectors along the last axis, in [0, pi^2 / 2].

    ``2 arcsin(|x - y| / 2)^2`` (Section 2, "squared spherical distance").
    """
    half_chord = (x - y).norm(dim=-1) / 2
    return 2 * half_chord.clamp(max=ALMOST_ONE).arcsin().square()


def prompt_loss(embeddings: Tensor, targets: Tensor, weights: Tensor, stops: Tensor) -> Tensor:
    """Return the weighted sum of the distances to the prompts, averaged over cutouts.

    Prompt addition (Section 2.5) is this sum. A negative weight pushes away. A cutout whose signed
    distance has reached a prompt's stop value has no gradient for that prompt.

    Args:
        embeddings: (B, N, D) unit vectors of B pictures' N cutouts.
        targets: (B, P, D) unit vectors of their prompts.
        weights: (B, P).
        stops: (B, P), signed like the distance: for a negative weight, minus the distance.

    Returns:
        (B,) losses.
    """
    distance = spherical_distance(embeddings[:, :, None], targets[:, None])  # (B, N, P)
    signed = distance * weights.sign()[:, None]
    reached = signed < stops[:, None]
    signed = torch.where(reached, signed.detach(), signed)
    return (signed.mean(1) * weights.abs()).sum(1)


def total_variation(image: Tensor, tile: Tile = "none") -> Tensor:
    """Return the mean absolute difference (B,) between neighbouring pixels of (B, 3, H, W).

    In a `tile` the first pixel follows on the last one.
    """
    down, right = (
        image.diff(dim=axis, append=image.narrow(axis, 0, 1) if wraps else None)
        for axis, wraps in zip((2, 3), wraps_of(tile), strict=True)
    )
    return down.abs().flatten(1).mean(1) + right.abs().flatten(1).mean(1)


class _ClampWithGradient(torch.autograd.Function):
    """Clamp to [0, 1]; the gradient passes where the value is inside, or would be pulled back."""

    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:  # pyright: ignore
        ctx.save_for_backward(values)
        return values.clamp(0, 1)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:  # pyright: ignore
        (values,) = ctx.saved_tensors
        return grad * (grad * (values - values.clamp(0, 1)) >= 0)


def clamp_with_gradient(image: Tensor) -> Tensor:
    """Clamp `image` to [0, 1], but keep the gradient that would bring it back inside."""
    return _ClampWithGradient.apply(image)  # pyright: ignore[reportReturnType]
