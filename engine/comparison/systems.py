"""The systems that are compared: which there are, and what each paints for a prompt. No torch here.

As in the paper (Section 3.2), VQGAN-CLIP has one try, and GLIDE counts as two systems.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.comparison.prompts import TRIES
from engine.errors import UsageError
from engine.models.catalogue import PAINTERS
from engine.models.painter_entry import PainterEntry, demo_painters
from engine.painters import find_painter, plain_recipe, step_cost
from engine.presets import make_recipe
from engine.recipes.checks import MAX_SEED
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.kinds import PAINTER_NAMES, AnyRecipe, painter_name
from engine.recipes.recipe import Recipe
from engine.settings import DEMO, EngineSettings

_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    # Each try is one picture: minDALL-E's own choice among candidates is left to the comparison.
    "mindalle": {"candidates": 1},
}


_GUIDANCES: Mapping[str, str] = {"clip": "CLIP-guided", "classifier-free": "CF-guided"}
"""The paper's names of what guides GLIDE, by the values of a recipe, the faster one first."""


@dataclass(frozen=True)
class System:
    """A painter with its settings, as a row of a comparison."""

    name: str
    """Name for people."""
    painter: str
    """Name of the method, as in recipes."""
    models: str
    tries: int = 1
    """Number of pictures for a prompt, of which the best is chosen."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields of the recipe that replace the defaults of the models."""

    def recipe(self, prompt: str, seed: int) -> AnyRecipe:
        """Return the recipe of one try.

        Raises `EngineError` if the painter cannot read the prompt.
        """
        if self.painter == Recipe.painter:
            return make_recipe(prompt, seed=seed, models=self.models, **self.settings)
        return plain_recipe(self.models, prompt, seed=seed, **self.settings)

    def recipes(self, prompt: str, seed: int) -> list[AnyRecipe]:
        """Return the recipes of all tries, with the seeds from `seed` on."""
        return [self.recipe(prompt, seed + index) for index in range(self.tries)]


def find_systems(
    models: str,
    painters: Sequence[str],
    *,
    tries: int = TRIES,
    our_tries: int = 1,
    **settings: Any,
) -> tuple[System, ...]:
    """Return what to compare, the fastest first.

    Args:
        models: name of the pair of VQGAN-CLIP.
        painters: names of models of other painters.
        tries: number of tries of other painters.
        our_tries: number of tries of VQGAN-CLIP.
        settings: fields of VQGAN-CLIP's recipes.

    Raises:
        ModelError: there are no such models.
        RecipeError: a setting is not allowed.
        UsageError: models are named that do not paint from words.
    """
    ours = System("VQGAN-CLIP", Recipe.painter, models, our_tries, settings)
    others = [each for name in dict.fromkeys(painters) for each in _of_painter(name, tries)]
    return tuple(sorted(_distinct([*others, ours]), key=estimated_cost))


def default_painters(models: str, settings: EngineSettings) -> tuple[str, ...]:
    """Return the names of the painters to compare some models of VQGAN-CLIP with.

    Demo models are compared with demo painters, and published ones with published ones: those that
    the settings name, or else all that paint from words.
    """
    demo = demo_painters()

    def fits(name: str) -> bool:
        return (name in demo) == (models == DEMO) and _paints(find_painter(name))

    return tuple(filter(fits, settings.installed_painters)) or tuple(filter(fits, PAINTERS))


def estimated_cost(system: System) -> float:
    """Return the cost of one picture, in units of `engine.painters.step_cost`."""
    recipe = system.recipe("a", 0)
    return recipe.total_steps * step_cost(recipe)


def system_name(recipe: AnyRecipe) -> str:
    """Return the name for people of the system that paints a recipe."""
    name = painter_name(recipe)
    return f"{name} ({_GUIDANCES[recipe.guidance]})" if isinstance(recipe, GlideRecipe) else name


def check_seeds(seed: int, systems: Sequence[System]) -> None:
    """Raise `UsageError` unless there are seeds for all tries."""
    most = MAX_SEED - max(system.tries for system in systems) + 1
    if seed > most:
        raise UsageError("--seed must be at most {most} for so many tries", most=most)


def _paints(entry: PainterEntry) -> bool:
    """Return True if models paint new pictures from words, and are meant for that."""
    return not entry.edits


def _of_painter(models: str, tries: int) -> Iterator[System]:
    """Yield the systems of some models: GLIDE's with a CLIP can be guided in two ways."""
    entry = find_painter(models)
    if entry.painter in ("open-edit", "network"):
        raise UsageError(
            "the models {models} change pictures and cannot paint from words: leave them out",
            models=repr(models),
        )
    name, settings = PAINTER_NAMES[entry.painter], _SETTINGS.get(entry.painter, {})
    system = System(name, entry.painter, models, tries, settings)
    if entry.painter != "glide":
        yield system
        return
    has_clip = {"clip-image", "clip-text"} <= entry.files.keys()
    for guidance in _GUIDANCES if has_clip else ("classifier-free",):
        yield replace(
            system, name=f"{name} ({_GUIDANCES[guidance]})", settings={"guidance": guidance}
        )


def _distinct(systems: Sequence[System]) -> Iterator[System]:
    """Yield the systems with names of which no two are equal."""
    names = [system.name for system in systems]
    for each in systems:
        is_shared = names.count(each.name) > 1
        yield replace(each, name=f"{each.name}, {each.models}") if is_shared else each
