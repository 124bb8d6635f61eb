"""The sheet of a comparison: a row for each painter, with its time and its settings."""

from collections.abc import Sequence
from itertools import groupby

from PIL import Image

from bot.jobs.job import Job
from bot.jobs.records import StoredPicture
from bot.languages.message import Message, joined
from bot.ui.recipe_text import steps_text
from engine.comparison.paper_times import PAPER_TIMES
from engine.comparison.systems import system_name
from engine.images.comparison_sheet import SheetRow, comparison_sheet
from engine.images.contact_sheet import numbered
from engine.recipes.kinds import AnyRecipe, has_tries, without_seed
from engine.recipes.mindalle_recipe import MinDalleRecipe

_ALL = Message("Every picture is shown. Of the others, the paper showed the best of five.")
_FIRST = Message("the first try")
_BEST_SO_FAR = Message("the best so far by CLIP")


def comparison_picture(
    job: Job,
    pictures: Sequence[StoredPicture],
    finals: Sequence[Image.Image],
    *,
    is_stopped: bool = False,
) -> Image.Image:
    """Return the sheet with the pictures of a job, numbered as its buttons are."""
    shown = [
        (job.recipes[each.number - 1], each, final)
        for each, final in zip(pictures, finals, strict=True)
    ]
    rows: list[SheetRow] = []
    for _, group in groupby(shown, key=lambda each: without_seed(each[0])):
        of_painter = list(group)
        recipe = of_painter[0][0]
        stored = [each for _, each, _ in of_painter]
        # A job that is stopped ends in the tries of its last painter.
        is_cut_short = is_stopped and of_painter[-1] is shown[-1]
        parts = _details(job.recipes, recipe, stored, is_cut_short=is_cut_short)
        detail = joined(" · ", parts).in_language(job.language)
        tiles = [numbered(final, each.number) for _, each, final in of_painter]
        rows.append(SheetRow(system_name(recipe), detail, tuple(tiles)))
    recipes = [recipe for recipe, _, _ in shown]
    footer = [
        each.in_language(job.language) for each in (*_paper_times(recipes), _choice(job.recipes))
    ]
    return comparison_sheet(job.prompt, rows, footer)


def _paper_times(recipes: Sequence[AnyRecipe]) -> list[Message]:
    """Return what the paper's Table 1 says about these painters."""
    known = (PAPER_TIMES.get(each) for each in dict.fromkeys(each.painter for each in recipes))
    return [
        Message(
            "In the paper, {painter} took {k80} s a picture on a K80, {p100} s on a P100, {v100} s "
            "on a V100.",
            painter=each.name,
            k80=f"{each.k80.mean:g}",
            p100=f"{each.p100.mean:g}",
            v100=f"{each.v100.mean:g}",
        )
        for each in known
        if each is not None
    ]


def _choice(recipes: Sequence[AnyRecipe]) -> Message:
    """Return which pictures are shown, and which the paper showed."""
    if not has_tries(recipes):
        return _ALL
    return Message(
        "The first try of VQGAN-CLIP, as in the paper; of the others the best of {count} by CLIP, "
        "where the paper chose the best of five by hand.",
        count=max(_tries(recipes, each) for each in recipes),
    )


def _tries(recipes: Sequence[AnyRecipe], recipe: AnyRecipe) -> int:
    """Return how many tries the system of a recipe has."""
    return sum(without_seed(each) == without_seed(recipe) for each in recipes)


def _picked(
    recipes: Sequence[AnyRecipe], recipe: AnyRecipe, shown: int, *, is_cut_short: bool
) -> Message | None:
    """Return how the picture of a system was chosen among its tries, of which `shown` are shown.

    With `is_cut_short`, not all of them may be painted.
    """
    tries = _tries(recipes, recipe)
    if not has_tries(recipes) or shown > 1:
        return None
    if is_cut_short and tries > 1:
        return _BEST_SO_FAR
    return _FIRST if tries == 1 else Message("best of {count} by CLIP", count=tries)


def _details(
    recipes: Sequence[AnyRecipe],
    recipe: AnyRecipe,
    pictures: Sequence[StoredPicture],
    *,
    is_cut_short: bool,
) -> tuple[Message | None, ...]:
    """Return what a row says below the name of its painter."""
    known = [each.seconds for each in pictures if each.seconds is not None]
    mean = f"{sum(known) / len(known):.1f}" if known else ""
    return (
        Message("{seconds} s a picture", seconds=mean) if known else None,
        steps_text(recipe.total_steps),
        _candidates(recipe),
        _picked(recipes, recipe, len(pictures), is_cut_short=is_cut_short),
    )


def _candidates(recipe: AnyRecipe) -> Message | None:
    if not isinstance(recipe, MinDalleRecipe) or recipe.candidates == 1:
        return None
    return Message("best of {count} candidates", count=recipe.candidates)
