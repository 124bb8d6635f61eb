"""The proximal step of an edit, which leaves alone what the prompt hardly moves.

Adam moves every number of a latent by about the learning rate, whether its gradient is large or
small. So without this an edit of the sky changes the ground, too. A weight on the distance to the
source (`keep_latent`) holds back most what moves farthest, which is what should change. A distance
that is not squared pulls alike everywhere; its proximal step is soft thresholding (Parikh and Boyd,
2014, Section 6.5), here of whole cells.
"""

from torch import Tensor


def draw_back(latents: Tensor, source: Tensor, reach: float | Tensor) -> Tensor:
    """Move each cell of `latents` towards that of `source`, both (N, C, H, W), by `reach`.

    Args:
        latents: Latents after a step.
        source: Latents of the source.
        reach: How far, as a root mean square over the channels, not negative; a number or
            (N, 1, 1, 1). A cell that is nearer becomes that of the source.
    """
    change = latents - source
    distance = change.square().mean(1, keepdim=True).sqrt()
    return source + change * (1 - reach / distance.clamp(min=1e-12)).clamp(min=0)
