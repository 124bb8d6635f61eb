"""Draw codes from logits, as minDALL-E does: temperature, top-k, softmax, top-p, and a draw.

Kim et al. (kakaobrain/minDALL-E, dalle/utils/sampling) in this order. Everything is float32.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def draw_codes(
    logits: Tensor,
    random: torch.Generator,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """Draw a code (N,) from each row of `logits` (N, K); see `probabilities`."""
    chances = probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    return torch.multinomial(chances, 1, generator=random)[:, 0]


def probabilities(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """Return the probabilities (N, K) of codes with these `logits` (N, K).

    Args:
        logits: Unnormalized log probabilities, float32.
        temperature: Divisor of the logits, above 0.
        top_k: Number of the likeliest codes that stay possible, at least 1, and any that are as
            likely as the last of them; None for all.
        top_p: The likeliest codes stay possible, up to the first with which the sum of their
            probabilities reaches this; None for all.
    """
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[1]:
        least = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    chances = logits.softmax(1)
    return chances if top_p is None else _nucleus(chances, top_p)


def _nucleus(chances: Tensor, top_p: float) -> Tensor:
    """Keep the likeliest codes up to the first with which their sum reaches `top_p`."""
    ordered, order = chances.sort(dim=1, descending=True, stable=True)
    removed = F.pad(ordered.cumsum(1)[:, :-1] >= top_p, (1, 0), value=False)
    chances = torch.zeros_like(chances).scatter_(1, order, ordered.masked_fill(removed, 0))
    return chances / chances.sum(1, keepdim=True)
