"""Painters by the names of their models: how they are loaded, and what their runs need.

Nothing here needs torch until models are loaded.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import ModelError, RecipeError
from engine.models.catalogue import PAINTERS, find_entry, find_models
from engine.models.memory import Budget, estimate_fixed
from engine.models.painter_entry import PainterEntry
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.kinds import AnyRecipe, OtherRecipe
from engine.recipes.mindalle_recipe import MinDalleRecipe
from engine.recipes.open_edit_recipe import OpenEditRecipe, read_phrases
from engine.recipes.plain_recipe import PlainRecipe, read_plain
from engine.recipes.recipe import Recipe
from engine.settings import EngineSettings
from engine.vqgan_clip import memory_estimate
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan

if TYPE_CHECKING:
    from engine.models.painter import Painter, Run

_PIXELS_PER_CUTOUT = 1000
"""Number of pixels that take the generator about as long as one cutout takes the perceptor."""
_UNKNOWN_COST = 100_000.0
"""Cost of a step of models that are not installed any more."""


def load_painter(name: str, device: str = "auto", precision: str = "auto") -> "Painter":
    """Load the painter of some models, as `engine.models.loading.load_models` does a pair.

    Raises:
        ModelError: The name or device is unknown, or weights are missing or do not fit.
    """
    entry = find_entry(name)
    if not isinstance(entry, PainterEntry):
        from engine.models.loading import load_models
        from engine.vqgan_clip.painter import VqganClip

        return VqganClip(load_models(name, device, precision))
    from engine.models.devices import choose_device, choose_precision

    target = choose_device(device)
    dtype = choose_precision(precision, target, gains=entry.halves, cache=entry.cache)
    match entry.painter:
        case "glide":
            from engine.glide.painter import load_painter as load
        case "mindalle":
            from engine.mindalle.painter import load_painter as load
        case "network":
            from engine.editing.upscaler_painter import load_painter as load_network

            return load_network(name, entry.files, target)
        case _:
            from engine.open_edit.painter import load_painter as load
    return load(name, entry.files, target, dtype)


def accelerated(painter: "Painter", settings: EngineSettings) -> "Painter":
    """Return a painter that takes steps as `compile` and `cuda_graphs` say, where it can.

    The models of the painter are changed in place by `compile`.
    """
    from engine.vqgan_clip.painter import VqganClip

    if not isinstance(painter, VqganClip):
        return painter
    if settings.compile:
        from engine.vqgan_clip.compile import compile_models

        compile_models(painter.models)
    if settings.cuda_graphs:
        from engine.vqgan_clip.cuda_graph import graphs_on

        painter = VqganClip(painter.models, graphs_on(painter.device))
    return painter


def plain_recipe(models: str, line: str, *, seed: int, **settings: Any) -> OtherRecipe:
    """Return a recipe of another painter than VQGAN-CLIP, with the defaults of its models.

    `line` is one plain sentence, or two phrases with an arrow for Open-Edit. `settings` are fields
    of the recipe that replace the defaults.

    Raises:
        ModelError: There are no such models.
        RecipeError: The painter cannot read the line, or a value is not allowed.
    """
    entry = find_painter(models)
    values = {"models": models, "seed": seed, "side": entry.side, "enlarge": entry.enlarge}
    values |= {**entry.defaults, **settings}
    match entry.painter:
        case "glide":
            return GlideRecipe(prompt=read_plain(line, GlideRecipe.shown_name), **values)
        case "mindalle":
            return MinDalleRecipe(prompt=read_plain(line, MinDalleRecipe.shown_name), **values)
        case "open-edit":
            old, new = read_phrases(line)
            return OpenEditRecipe(old=old, new=new, **values)
        case "network":
            raise RecipeError(
                "a network that enlarges pictures reads no words: choose another painter"
            )


def find_painter(models: str) -> PainterEntry:
    """Return the entry of models of another painter than VQGAN-CLIP.

    Raises `ModelError` if there are none of that name.
    """
    entry = find_entry(models)
    if isinstance(entry, PainterEntry):
        return entry
    raise ModelError("the models {models} are those of VQGAN-CLIP", models=repr(models))


def begin(painter: "Painter", recipe: AnyRecipe, plan: MemoryPlan = PLANS[0]) -> "Run":
    """Begin a run of a recipe; only those of VQGAN-CLIP have memory plans.

    Raises `RecipeError` if the recipe is for other models.
    """
    if isinstance(recipe, Recipe):
        from engine.vqgan_clip.painter import VqganClip

        if isinstance(painter, VqganClip):
            return painter.begin(recipe, plan)
    return painter.begin(recipe)


def step_cost(recipe: AnyRecipe) -> float:
    """Return the cost of one step of a recipe, in pixels; a cutout counts as 1,000.

    Steps of other painters than VQGAN-CLIP cost what its steps do that take about as long.
    """
    if not isinstance(recipe, Recipe):
        entry = PAINTERS.get(recipe.models)
        return _UNKNOWN_COST if entry is None else entry.step_cost
    return float(recipe.width * recipe.height + _PIXELS_PER_CUTOUT * recipe.cutouts)


def can_share_steps(first: "Run", other: "Run") -> bool:
    """Return True if two runs can take a step together, which rounds differently."""
    from engine.vqgan_clip.batching import can_batch
    from engine.vqgan_clip.generation import Generation

    if not isinstance(first, Generation) or not isinstance(other, Generation):
        return False
    return can_batch(first, other)


def take_shared_step(runs: Sequence["Run"]) -> Sequence[Exception | None]:
    """Take one step of runs that can share it; return the error that ended each, if any."""
    from engine.vqgan_clip import loop
    from engine.vqgan_clip.generation import Generation

    return loop.step([run for run in runs if isinstance(run, Generation)])


def plan_of(run: "Run") -> MemoryPlan:
    """Return the memory plan that a run has at the moment."""
    from engine.vqgan_clip.generation import Generation

    return run.plan if isinstance(run, Generation) else PLANS[0]


def choose_plan(recipe: AnyRecipe, budget: Budget) -> MemoryPlan:
    """Return the fastest memory plan with which a run fits into `budget`.

    Raises `RecipeError`, which says how much is missing, if it fits with none.
    """
    if isinstance(recipe, Recipe):
        return memory_estimate.choose_plan(recipe, find_models(recipe.models), budget)
    needed = estimate_peak(recipe, is_bf16=budget.is_bf16, is_cuda=budget.is_cuda)
    if needed > budget.bytes:
        raise RecipeError(
            "about {needed} GB of memory are needed by {painter}, and {free} GB are free: choose "
            "another painter",
            painter=recipe.shown_name,
            needed=f"{needed / 1e9:.1f}",
            free=f"{budget.bytes / 1e9:.1f}",
        )
    return PLANS[0]


def estimate_peak(
    recipe: AnyRecipe,
    plan: MemoryPlan = PLANS[0],
    *,
    is_bf16: bool = False,
    is_cuda: bool = False,
) -> int:
    """Estimate the bytes that models and a run take together at the run's peak."""
    fixed = estimate_fixed(find_entry(recipe.models), is_bf16=is_bf16, is_cuda=is_cuda)
    return fixed + estimate_run(recipe, plan, is_bf16=is_bf16, is_cuda=is_cuda)


def estimate_run(
    recipe: AnyRecipe,
    plan: MemoryPlan = PLANS[0],
    *,
    is_bf16: bool = False,
    is_cuda: bool = False,
) -> int:
    """Estimate the bytes that a run takes at its peak, without those of the models."""
    if isinstance(recipe, Recipe):
        entry = find_models(recipe.models)
        return memory_estimate.estimate_run(recipe, entry, plan, is_bf16=is_bf16, is_cuda=is_cuda)
    return _estimate_plain_run(recipe)


def _estimate_plain_run(recipe: PlainRecipe) -> int:
    entry = find_entry(recipe.models)
    if not isinstance(entry, PainterEntry):
        raise RecipeError(
            "the recipe is for {painter}, and the models {models} are of another kind",
            painter=recipe.shown_name,
            models=repr(recipe.models),
        )
    memory = entry.memory
    candidates = recipe.candidates if isinstance(recipe, MinDalleRecipe) else 1
    return round(memory.per_run + candidates * memory.per_candidate)
