"""The state of the generator that a run starts from (Sections 2, 4 and 5.1)."""

import torch

from engine.images.tiling import Tile
from engine.models.protocols import Generator, State
from engine.models.tensors import to_tensor
from engine.recipes.generator_kinds import cannot_encode
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import start_picture


@torch.no_grad()
def initial_state(
    recipe: Recipe, generator: Generator, rng: torch.Generator, free: State | None
) -> State:
    """Return the state that a run starts from, of a batch of one.

    The paper encodes random pixels, or the picture to edit (Sections 2 and 4).

    Args:
        recipe: The recipe.
        generator: The generator.
        rng: Source of the random numbers.
        free: 1 for each number that an edit may change, else 0; None if all may.

    Raises:
        RecipeError: The generator cannot encode a picture.
    """
    picture = start_picture(recipe)
    if picture is None:
        if recipe.start != "noise":
            return generator.start((recipe.width, recipe.height), recipe.quantization, rng)
        shape = (1, 3, recipe.height, recipe.width)
        pixels = torch.rand(shape, generator=rng, device=generator.device)
        return encoded(generator, pixels, recipe.tile)
    tile = recipe.tile if recipe.enlargement is None else "none"
    state = encoded(generator, to_tensor(picture).to(generator.device), tile)
    if recipe.start_noise == 0:
        return state
    noisy: list[torch.Tensor] = []
    for index, numbers in enumerate(state):
        noise = torch.randn(numbers.shape, generator=rng, device=numbers.device)
        if free is not None:
            noise = noise * free[index]  # only where the state may change (Section 2.5)
        noisy.append(numbers + recipe.start_noise * numbers.std(correction=0) * noise)
    return tuple(noisy)


def encoded(generator: Generator, picture: torch.Tensor, tile: Tile) -> State:
    """Encode a `picture` (1, 3, H, W) in [0, 1], which as a tile continues across its edges.

    Raises `RecipeError` if the generator cannot.
    """
    state = generator.encode(picture, tile=tile)
    if state is None:
        raise cannot_encode()
    return state
