"""Make a request from the command line: what to paint, and which files to write.

Everything is checked here. No torch in here, so that users learn of a mistake at once.
"""

import argparse
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from engine.cli.outputs import Outputs, name_outputs
from engine.editing.edit_pictures import read_edit
from engine.editing.edit_recipe import edit_recipe, feather, image_prompt
from engine.editing.followups import with_extra_steps
from engine.errors import UsageError
from engine.files import check_output
from engine.images.image_io import load_picture
from engine.models.catalogue import find_entry, find_models
from engine.models.model_entry import ModelEntry
from engine.models.painter_entry import PainterEntry
from engine.painters import plain_recipe
from engine.painting import check_paintable
from engine.presets import default_size, make_recipe, round_to_grid, size_of_ratio
from engine.provenance import Provenance, read_provenance
from engine.recipes.checks import MAX_SEED
from engine.recipes.kinds import PAINTER_NAMES, AnyRecipe, tile_of_recipe, vqgan_clip_recipe
from engine.recipes.prompt_syntax import with_excluded
from engine.recipes.prompts import Prompt, line_of, parse_line
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import init_image
from engine.recipes.story import Story
from engine.settings import EngineSettings
from engine.text import Text
from engine.upscaling import read_to_enlarge, upscale_recipe

DRAWN_SEEDS = 2**32
"""Number of seeds to draw from, small enough that a drawn seed is easy to type again."""
_WITHOUT = (
    *("negative", "size", "ratio", "init_image", "like"),
    *("steps", "fade", "more", "start_noise", "preset", "tile"),
)
"""Options of `imagine` that only VQGAN-CLIP has."""
_MOST_NAMED = 5
"""Maximum number of unknown words in a notice."""
WithNotices = tuple[Provenance, tuple[str | Text, ...]]
"""What to paint, and notices about it."""


@dataclass(frozen=True)
class PaintTask:
    """One picture to paint, and the files to write."""

    recipe: AnyRecipe
    steps: int
    """Number of the recipe's steps to take."""
    save_every: int
    """Number of steps between two frames; 0 for no frames."""
    outputs: Outputs


@dataclass(frozen=True)
class PaintRequest:
    """Everything that one call of `imagine`, `edit` or `upscale` asks for."""

    tasks: tuple[PaintTask, ...]
    models: ModelEntry | PainterEntry
    settings: EngineSettings
    """The table `[engine]`, with the device of the command line."""
    digests: Mapping[str, str]
    """SHA-256 of the weights that painted the recipe first, by file name, as far as known."""
    painted_in: str
    """Name of the precision that painted the recipe first; "" if unknown."""
    notices: tuple[str | Text, ...]
    """Notices to print before painting."""
    best: Outputs | None = None
    """Where to write the best picture too; None to choose none."""

    @property
    def names_to_reserve(self) -> tuple[Path, ...]:
        """Files whose names no other program may take meanwhile."""
        best = () if self.best is None else self.best.names_to_reserve
        return (*best, *(path for task in self.tasks for path in task.outputs.names_to_reserve))


def read_request(arguments: argparse.Namespace, settings: EngineSettings) -> PaintRequest:
    """Make a request from the command line.

    Raises:
        EngineError: An argument is not allowed.
    """
    count = getattr(arguments, "count", None) or 1
    outputs = [name_outputs(arguments, number, count) for number in range(1, count + 1)]
    provenance, notices = _read_provenance(arguments, settings)
    recipe = provenance.recipe
    models = find_entry(recipe.models)
    if arguments.svg is not None and not (isinstance(models, ModelEntry) and models.is_vector):
        raise UsageError(
            "--svg needs models that draw lines, and {models} paint pixels: choose others such as "
            "demo-strokes by --models, or leave out --svg",
            models=repr(recipe.models),
        )
    if arguments.preview is not None and tile_of_recipe(recipe) == "none":
        raise UsageError(
            "--preview shows copies of a tile side by side: add --tile both, or leave it out"
        )
    if recipe.seed + count - 1 > MAX_SEED:
        raise UsageError(f"--seed must be at most {MAX_SEED - count + 1} for {count} pictures")
    tasks = (
        PaintTask(
            recipe=replace(recipe, seed=recipe.seed + index),
            steps=provenance.steps,
            save_every=arguments.save_every or 0,
            outputs=each,
        )
        for index, each in enumerate(outputs)
    )
    return PaintRequest(
        tasks=tuple(tasks),
        models=models,
        settings=settings.model_copy(update={"device": arguments.device or settings.main_device}),
        digests=provenance.digests,
        painted_in=provenance.precision,
        notices=notices,
        best=_best(arguments, recipe),
    )


def _best(arguments: argparse.Namespace, recipe: AnyRecipe) -> Outputs | None:
    """Return where to write the best picture too, if someone asks for it."""
    if arguments.command != "imagine" or arguments.keep != "best":
        return None
    if not isinstance(recipe, Recipe):
        raise UsageError(
            "--keep best needs models of VQGAN-CLIP, whose judge compares pictures: the command "
            "compare chooses the best try of other painters"
        )
    check_output(arguments.out, suffixes=(".png",), force=arguments.force)
    return Outputs(
        arguments.out, animation=None, frames=None, svg=None, preview=None, force=arguments.force
    )


def _read_provenance(arguments: argparse.Namespace, settings: EngineSettings) -> WithNotices:
    """Return what to paint, and notices about it."""
    if arguments.command == "edit":
        return _edit(arguments, settings)
    if arguments.command == "upscale":
        return _upscale(arguments, settings)
    return read_new(arguments, settings) if arguments.recipe is None else _again(arguments)


def _edit(arguments: argparse.Namespace, settings: EngineSettings) -> WithNotices:
    """Return a recipe that changes a picture, and notices about it."""
    pictures = read_edit(arguments.picture, arguments.mask)
    recipe = edit_recipe(
        arguments.prompt,
        pictures.source,
        seed=seed_of(arguments),
        mask=pictures.mask and feather(pictures.mask),
        keep=arguments.keep,
        models=arguments.models or settings.editing,
        preset=arguments.preset,
        **_optional(arguments),
    )
    unknown = unknown_words_notice(find_models(recipe.models), recipe.prompts, recipe.story)
    notices = (*pictures.notices, *readings(arguments.prompt, None), unknown)
    return Provenance(recipe, recipe.total_steps, {}), tuple(filter(None, notices))


def _upscale(arguments: argparse.Namespace, settings: EngineSettings) -> WithNotices:
    """Return a recipe that paints a picture larger, and notices about it."""
    found = read_to_enlarge(arguments.picture, arguments.factor)
    if found.origin is not None and arguments.models not in (None, found.origin.models):
        found = replace(found, origin=None)
    models = arguments.models or settings.models
    if isinstance(find_entry(models), PainterEntry):
        raise UsageError(
            "the models {models} enlarge no pictures: choose models of VQGAN-CLIP",
            models=repr(models),
        )
    recipe = upscale_recipe(
        found,
        arguments.prompt,
        arguments.factor,
        seed=seed_of(arguments),
        models=models,
        steps=arguments.steps,
    )
    check_paintable(recipe)
    unknown = unknown_words_notice(find_models(recipe.models), recipe.prompts)
    notices = (*found.notices, _tiles_notice(recipe), unknown)
    return Provenance(recipe, recipe.total_steps, {}), tuple(filter(None, notices))


def _tiles_notice(recipe: Recipe) -> Text:
    width, height = recipe.size
    return Text(
        "the result has {size} pixels, painted in {count} parts",
        size=f"{recipe.enlarge * width}x{recipe.enlarge * height}",
        count=recipe.tile_count,
    )


def read_new(arguments: argparse.Namespace, settings: EngineSettings) -> WithNotices:
    """Return a recipe from the command line, and notices about it."""
    models = arguments.models or settings.models
    other = find_entry(models)
    if isinstance(other, PainterEntry):
        return _by_other_painter(arguments, other)
    entry = find_models(models)
    prompt = with_excluded(arguments.prompt or "", arguments.negative or "").strip() or None
    requested = arguments.size or _default_size(prompt, arguments.ratio, models)
    size = round_to_grid(requested, models)
    start = arguments.init_image and load_picture(arguments.init_image)
    like = [(load_picture(path), weight) for path, weight in arguments.like or ()]
    recipe = make_recipe(
        prompt,
        seed=seed_of(arguments),
        models=models,
        preset=arguments.preset,
        size=size,
        init_image=start and init_image(start.picture, size),
        image_prompts=tuple(image_prompt(each.picture, weight) for each, weight in like),
        **_optional(arguments),
    )
    notices: list[str | Text] = []
    notices += start.notices("the picture to start from") if start else ()
    notices += [notice for each, _ in like for notice in each.notices("a picture to resemble")]
    if size != requested:
        notices.append(
            f"{requested[0]}x{requested[1]} is off the latent grid of {entry.factor} pixels, "
            f"painting {size[0]}x{size[1]} instead"
        )
    is_shaped = arguments.size is None and arguments.ratio is None
    notices += readings(prompt, size if is_shaped else None) if prompt else ()
    notices.append(unknown_words_notice(entry, recipe.prompts, recipe.story))
    return Provenance(recipe, recipe.total_steps, {}), tuple(filter(None, notices))


def _by_other_painter(arguments: argparse.Namespace, entry: PainterEntry) -> WithNotices:
    """Return a recipe of another painter than VQGAN-CLIP, and notices about it."""
    if entry.edits:
        raise UsageError(
            "the models {models} change pictures and paint no new ones: choose others by --models",
            models=repr(entry.name),
        )
    given = [name for name in _WITHOUT if getattr(arguments, name, None) not in (None, [])]
    if given:
        raise UsageError(
            "{painter} has no {options}: it takes a PROMPT of one plain sentence, --seed and "
            "--count, so leave that out or choose models of VQGAN-CLIP",
            painter=PAINTER_NAMES[entry.painter],
            options=", ".join(f"--{name.replace('_', '-')}" for name in given),
        )
    recipe = plain_recipe(entry.name, arguments.prompt, seed=seed_of(arguments))
    unknown = unknown_words_notice(entry, recipe.prompts)
    return Provenance(recipe, recipe.total_steps, {}), tuple(filter(None, (unknown,)))


def unknown_words_notice(
    models: ModelEntry | PainterEntry, prompts: Sequence[Prompt], story: Story | None = None
) -> str:
    """Return a notice about words in prompts that the models do not know, or ""."""
    words = [word for each in prompts for word in models.vocabulary.unknown_words(each.text)]
    if not words:
        return ""
    named = ", ".join(map(repr, tuple(dict.fromkeys(words))[:_MOST_NAMED]))
    chapters = (tuple(prompts),) if story is None else story.split(prompts)
    nearest = [models.vocabulary.nearest(each) for each in chapters]
    line = line_of(tuple(chain(*nearest)), story and story.with_counts(map(len, nearest)))
    return f"the models do not know {named}, and paint something else: try {line!r}"


def _default_size(prompt: str | None, ratio: float | None, models: str) -> tuple[int, int]:
    """Return the size of a ratio, or else the one that suits the prompt and the models."""
    return default_size(prompt, models) if ratio is None else size_of_ratio(ratio, models)


def readings(prompt: str, size: tuple[int, int] | None) -> tuple[str, ...]:
    """Return how a prompt with weights was read; `size` is the one that its `--ar` chose."""
    line = parse_line(prompt)
    notices = ["; ".join(map(str, line.explanation()))]
    if line.aspect is not None:
        then = "left out: the size is fixed" if size is None else f"painted as {size[0]}x{size[1]}"
        notices.append(f"the aspect ratio {line.aspect[0]}:{line.aspect[1]} is {then}")
    return tuple(filter(None, notices))


def seed_of(arguments: argparse.Namespace) -> int:
    """Return the seed that someone asked for, or a random one."""
    return secrets.randbelow(DRAWN_SEEDS) if arguments.seed is None else arguments.seed


def _optional(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that replace settings of the preset."""
    options = {
        "steps": arguments.steps,
        "fade": getattr(arguments, "fade", None),
        "more": getattr(arguments, "more", None) and tuple(arguments.more),
        "start_noise": arguments.start_noise,
        "tile": arguments.tile,
    }
    return {name: value for name, value in options.items() if value is not None}


def _again(arguments: argparse.Namespace) -> WithNotices:
    """Return the recipe in a file with the steps to take, and notices about it."""
    found = read_provenance(arguments.recipe)
    taken, total = found.steps, found.recipe.total_steps
    recipe = found.recipe
    for steps in arguments.more or ():
        recipe = with_extra_steps(vqgan_clip_recipe(recipe), steps)
    check_paintable(recipe)
    goes_on = arguments.finish or bool(arguments.more)
    provenance = replace(found, recipe=recipe, steps=recipe.total_steps if goes_on else taken)
    if taken == total:
        return provenance, ()
    then = (
        "is painted again from its start to go on"
        if goes_on
        else "stops there again (--finish takes all its steps)"
    )
    return provenance, (f"the run was stopped at step {taken} of {total}, and {then}",)
