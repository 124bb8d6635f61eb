"""Requests: what is to be painted and which files come of it, everything checked beforehand.

No torch in here, so that whoever mistyped something hears of it at once.
"""

import argparse
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.cli.outputs import Outputs, name_outputs
from engine.editing.edit_recipe import (
    edit_recipe,
    feather,
    image_prompt,
    read_mask,
    read_source,
)
from engine.errors import UsageError
from engine.models.catalogue import ModelEntry, find_models
from engine.painting import Provenance, check_paintable, read_provenance
from engine.presets import make_recipe, round_to_grid
from engine.recipes.recipe import MAX_SEED, Recipe
from engine.recipes.start_image import init_image
from engine.settings import EngineSettings

_DRAWN_SEEDS = 2**32
"""A seed that nobody chose is short enough to be typed again."""


@dataclass(frozen=True)
class Work:
    """One picture to paint, and the files to leave."""

    recipe: Recipe
    steps: int
    """How many of the recipe's steps to take."""
    save_every: int
    """Steps from one frame to the next; 0 for no frames."""
    outputs: Outputs


@dataclass(frozen=True)
class PaintRequest:
    """All that one call of `imagine` or `edit` asks for."""

    works: tuple[Work, ...]
    models: ModelEntry
    device: str
    threads: int
    precision: str
    digests: Mapping[str, str]
    """Of the weights that painted the recipe the first time, as far as known."""
    notices: tuple[str, ...]


def read_request(arguments: argparse.Namespace, settings: EngineSettings) -> PaintRequest:
    """Make a request of the command line; raises an `EngineError` for anything not allowed."""
    count = arguments.count or 1
    outputs = [name_outputs(arguments, number, count) for number in range(1, count + 1)]
    origin, notices = _read_origin(arguments, settings)
    recipe = origin.recipe
    if recipe.seed + count - 1 > MAX_SEED:
        raise UsageError(f"--seed must be at most {MAX_SEED - count + 1} for {count} pictures")
    works = (
        Work(
            recipe=replace(recipe, seed=recipe.seed + index),
            steps=origin.steps,
            save_every=arguments.save_every or 0,
            outputs=each,
        )
        for index, each in enumerate(outputs)
    )
    return PaintRequest(
        works=tuple(works),
        models=find_models(recipe.models),
        device=arguments.device or settings.device,
        threads=settings.threads,
        precision=settings.precision,
        digests=origin.digests,
        notices=notices,
    )


def _read_origin(
    arguments: argparse.Namespace, settings: EngineSettings
) -> tuple[Provenance, tuple[str, ...]]:
    """What is to be painted, and what to tell about it."""
    if arguments.command == "edit":
        return _edit(arguments, settings)
    return _new(arguments, settings) if arguments.recipe is None else _again(arguments)


def _edit(
    arguments: argparse.Namespace, settings: EngineSettings
) -> tuple[Provenance, tuple[str, ...]]:
    """A recipe that changes a picture, and what to tell about it."""
    source, notice = read_source(arguments.picture)
    mask = arguments.mask and feather(read_mask(arguments.mask, source.size))
    recipe = edit_recipe(
        arguments.prompt,
        source,
        seed=_seed(arguments),
        mask=mask,
        keep=arguments.keep,
        models=arguments.models or settings.models,
        preset=arguments.preset,
        **_optional(arguments),
    )
    return Provenance(recipe, recipe.total_steps, {}), (notice,) if notice else ()


def _new(
    arguments: argparse.Namespace, settings: EngineSettings
) -> tuple[Provenance, tuple[str, ...]]:
    """A recipe from the command line, and what to tell about it."""
    models = arguments.models or settings.models
    entry = find_models(models)
    asked = arguments.size or (entry.side, entry.side)
    size = round_to_grid(asked, models)
    recipe = make_recipe(
        arguments.prompt,
        seed=_seed(arguments),
        models=models,
        preset=arguments.preset,
        size=size,
        init_image=None if arguments.init_image is None else init_image(arguments.init_image, size),
        image_prompts=tuple(map(image_prompt, arguments.like or ())),
        **_optional(arguments),
    )
    notices = (
        []
        if size == asked
        else [
            f"{asked[0]}x{asked[1]} is off the latent grid of {entry.factor} pixels, "
            f"painting {size[0]}x{size[1]} instead"
        ]
    )
    return Provenance(recipe, recipe.total_steps, {}), tuple(notices)


def _seed(arguments: argparse.Namespace) -> int:
    return secrets.randbelow(_DRAWN_SEEDS) if arguments.seed is None else arguments.seed


def _optional(arguments: argparse.Namespace) -> dict[str, Any]:
    """What replaces a preset's settings, if it was said."""
    said = {
        "steps": arguments.steps,
        "more": arguments.more and tuple(arguments.more),
        "start_noise": arguments.start_noise,
    }
    return {name: value for name, value in said.items() if value is not None}


def _again(arguments: argparse.Namespace) -> tuple[Provenance, tuple[str, ...]]:
    """The recipe in a file, and what to tell about it."""
    origin = read_provenance(arguments.recipe)
    check_paintable(origin.recipe)
    if origin.steps == origin.recipe.total_steps:
        return origin, ()
    return origin, (f"the run was stopped at step {origin.steps}, and stops there again",)
