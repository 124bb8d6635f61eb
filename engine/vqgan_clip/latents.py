"""Latents: where they start, and how they are quantized (Sections 2.1 and 5.1)."""

import torch
from torch import Tensor

from engine.models.codebook import look_up
from engine.models.protocols import ImageGenerator
from engine.models.tensors import to_tensor
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import start_picture


def nearest_codes(latents: Tensor, codebook: Tensor) -> Tensor:
    """Return the index (N, H, W) of the code nearest to each cell of `latents` (N, C, H, W).

    ``argmin_k |z - e_k|`` (Section 2.1); the term |z|^2 is the same for all k.
    """
    cells = latents.movedim(1, -1)
    distances = codebook.square().sum(1) - 2 * cells @ codebook.T
    return distances.argmin(-1)


def quantize(latents: Tensor, codebook: Tensor) -> Tensor:
    """Replace each cell by the nearest code, with a straight-through gradient (z-quantize).

    Forward: the codebook entry. Backward: the identity, as if nothing had been rounded.
    """
    with torch.no_grad():
        nearest = look_up(nearest_codes(latents, codebook), codebook)
    return nearest + (latents - latents.detach())  # in this order nothing is rounded


def sample_codes(logits: Tensor, codebook: Tensor, rng: torch.Generator) -> Tensor:
    """Draw a code per cell from `logits` (N, K, H, W): latents (N, C, H, W).

    Codebook sampling (Section 5.1): a categorical distribution over the codes of each cell is
    optimised instead of z. Straight-through Gumbel-softmax carries the gradient.
    """
    uniform = torch.rand(logits.shape, generator=rng, device=logits.device)
    gumbel = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
    soft = (logits + gumbel).softmax(1)
    hard = torch.zeros_like(soft).scatter_(1, soft.argmax(1, keepdim=True), 1.0)
    weights = hard + (soft - soft.detach())
    return torch.einsum("nkhw,kc->nchw", weights, codebook)


def random_codes(shape: tuple[int, int, int], codebook: Tensor, rng: torch.Generator) -> Tensor:
    """Draw codes uniformly: latents (N, C, H, W); `shape` is (N, H, W)."""
    codes = torch.randint(codebook.shape[0], shape, generator=rng, device=rng.device)
    return look_up(codes.to(codebook.device), codebook)


@torch.no_grad()
def initial_latent(
    recipe: Recipe, generator: ImageGenerator, rng: torch.Generator, edit_mask: Tensor | None
) -> Tensor:
    """Return the latent (1, C, h, w) that a run starts from.

    The paper encodes random pixels, or the picture to edit (Sections 2 and 4).
    """
    height, width = recipe.height // generator.factor, recipe.width // generator.factor
    if recipe.quantization == "codebook-sampling":
        shape = (1, len(generator.codebook), height, width)
        return torch.randn(shape, generator=rng, device=generator.device)
    if recipe.start == "codes":
        return random_codes((1, height, width), generator.codebook, rng)
    picture = start_picture(recipe)
    if picture is None:
        shape = (1, 3, recipe.height, recipe.width)
        return generator.encode(torch.rand(shape, generator=rng, device=generator.device))
    latent = generator.encode(to_tensor(picture).to(generator.device))
    if recipe.start_noise == 0:
        return latent
    noise = torch.randn(latent.shape, generator=rng, device=latent.device)
    if edit_mask is not None:
        noise = noise * edit_mask  # only where the latent may change (Section 2.5)
    return latent + recipe.start_noise * latent.std(correction=0) * noise


@torch.no_grad()
def final_latent(latent: Tensor, recipe: Recipe, codebook: Tensor) -> Tensor:
    """Return the latent (1, C, h, w) of the picture to show, quantized without any randomness."""
    match recipe.quantization:
        case "z-quantize":
            return look_up(nearest_codes(latent, codebook), codebook)
        case "codebook-sampling":
            return look_up(latent.argmax(1), codebook)  # the likeliest code of each cell
        case "none":
            return latent
