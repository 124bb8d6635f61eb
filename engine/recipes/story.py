"""A story: chapters that a picture is steered towards one after the other. No torch in here.

Each chapter has its own prompts and its share of a run. At its beginning it fades in: the weights
of the prompts go linearly from those of the chapter before to its own. At its end only its own
prompts count, so that the picture of a chapter's last step is of that chapter alone.

A run of the optimization and a film know only the share of them that is over, from 0 to 1, and
`Story.weights_at` says how much each chapter counts then.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import ceil
from reprlib import repr as brief
from typing import NamedTuple, Self, TypeVar

from engine.errors import RecipeError
from engine.recipes.checks import MAX_PROMPTS, check_number, check_whole, is_tuple_of
from engine.recipes.json_form import as_list, as_object, build
from engine.text import Text

MIN_SHARE, MAX_SHARE = 1e-3, 1e3
"""Range of a chapter's share."""
FADE = 0.25
"""Part of a chapter that fades in from the one before, unless a recipe says otherwise."""

_NEARLY = 1e-9
"""Shares are sums of rounded numbers; a chapter begins where a run is this near to its share."""
_STORY = Text("the story")
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Chapter:
    """A part of a story.

    Raises:
        RecipeError: A value is not allowed.
    """

    prompts: int
    """Number of the recipe's prompts that belong to it: those after the ones of the chapter
    before, from 1 to `MAX_PROMPTS`."""
    share: float = 1.0
    """How long it is, relative to the other chapters, from `MIN_SHARE` to `MAX_SHARE`."""

    def __post_init__(self) -> None:
        check_whole(Text("the number of a chapter's prompts"), self.prompts, 1, MAX_PROMPTS)
        check_number("the share of a chapter", self.share, MIN_SHARE, MAX_SHARE)


class Place(NamedTuple):
    """Where a share of a story is."""

    chapter: int
    """Index of the chapter."""
    progress: float
    """Share of the chapter that is over, from 0 to 1."""


@dataclass(frozen=True)
class Story:
    """The chapters of a recipe's prompts.

    Raises:
        RecipeError: A value is not allowed.
    """

    chapters: tuple[Chapter, ...]
    """At least two chapters, in their order."""
    fade: float = FADE
    """Part of each chapter after the first one over which it fades in, from 0 to 1; 0 changes from
    one step to the next."""

    def __post_init__(self) -> None:
        if not is_tuple_of(self.chapters, Chapter) or not 2 <= len(self.chapters) <= MAX_PROMPTS:
            raise RecipeError(
                "a story must be a tuple of 2 to {most} chapters, not {value}",
                most=MAX_PROMPTS,
                value=brief(self.chapters),
            )
        check_number("the fade of a story", self.fade, 0, 1)

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of the whole that each chapter has; they sum to 1."""
        total = sum(chapter.share for chapter in self.chapters)
        return tuple(chapter.share / total for chapter in self.chapters)

    @property
    def begins(self) -> tuple[float, ...]:
        """Share of the whole that is over where each chapter begins; the first one is 0."""
        total = sum(chapter.share for chapter in self.chapters)
        before = accumulate((chapter.share for chapter in self.chapters[:-1]), initial=0.0)
        return tuple(each / total for each in before)

    def first_steps(self, steps: int) -> tuple[int, ...]:
        """Return the first step of each chapter in a run of `steps`, counted from 0."""
        return tuple(ceil((begin - _NEARLY) * steps) for begin in self.begins)

    def place_at(self, over: float) -> Place:
        """Return where a story is when a share of it, from 0 to 1, is over."""
        begins = self.begins
        index = max(k for k, begin in enumerate(begins) if k == 0 or begin <= over + _NEARLY)
        progress = (over - begins[index]) / self.shares[index]
        return Place(index, min(max(0.0, progress), 1.0))

    def part_at(self, over: float) -> tuple[int, float]:
        """Return the chapter when a share, 0 to 1, is over, and how much it counts, 0 to 1.

        What is left to 1 is how much the chapter before it still counts.
        """
        index, progress = self.place_at(over)
        is_whole = index == 0 or progress >= self.fade
        return index, 1.0 if is_whole else progress / self.fade

    def weights_at(self, over: float) -> tuple[float, ...]:
        """Return how much each chapter counts when a share, 0 to 1, is over; they sum to 1."""
        index, part = self.part_at(over)
        weights = [0.0] * len(self.chapters)
        weights[max(0, index - 1)] += 1 - part
        weights[index] += part
        return tuple(weights)

    @classmethod
    def from_values(cls, values: object) -> Self:
        """Read a story of a recipe's JSON; raises `RecipeError`."""
        entries = dict(as_object(values, _STORY))
        chapters = as_list(entries.get("chapters"), Text("the story's chapters"))
        entries["chapters"] = tuple(build(Chapter, each, Text("the chapter")) for each in chapters)
        return build(cls, entries, _STORY)

    def with_counts(self, counts: Iterable[int]) -> Self:
        """Return the story with other numbers of prompts in its chapters."""
        pairs = zip(self.chapters, counts, strict=True)
        return replace(self, chapters=tuple(replace(each, prompts=count) for each, count in pairs))

    def split(self, items: Sequence[_Item]) -> tuple[tuple[_Item, ...], ...]:
        """Return what belongs to each chapter of `items`, one for each prompt."""
        ends = accumulate((chapter.prompts for chapter in self.chapters), initial=0)
        return tuple(tuple(items[start:end]) for start, end in pairwise(ends))


def check_story(story: object, texts: Sequence[str], steps: int) -> None:
    """Raise `RecipeError` unless `story` is None, or has the chapters of `texts` over `steps`."""
    if story is None:
        return
    if not isinstance(story, Story):
        raise RecipeError("story must be a Story, not {value}", value=brief(story))
    count = sum(chapter.prompts for chapter in story.chapters)
    if count != len(texts):
        raise RecipeError(
            "the chapters of the story have {count} prompts together, and the recipe has {given}",
            count=count,
            given=len(texts),
        )
    firsts = (*story.first_steps(steps), steps)
    for chapter, (first, following) in zip(story.split(texts), pairwise(firsts), strict=True):
        if first >= following:
            raise RecipeError(
                "the chapter {words} would get none of the {steps} steps: give it a larger share, "
                "or the picture more steps",
                words=brief(chapter[0]),
                steps=steps,
            )
