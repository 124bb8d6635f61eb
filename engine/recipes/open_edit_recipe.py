"""A recipe of Open-Edit (Liu et al., 2020): one phrase of a picture becomes another.

Defaults are those of the published program. No torch in here.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from engine.errors import RecipeError
from engine.recipes.chapter_marks import split_chapters
from engine.recipes.checks import check_number, check_whole
from engine.recipes.edit import kept_weights
from engine.recipes.plain_recipe import PlainRecipe, check_plain
from engine.recipes.prompts import Prompt, shorten

MAX_OPTIMIZATION_STEPS = 1000
_ARROW = re.compile(r"\s*(?:->|=>|→)\s*")


def read_phrases(line: str) -> tuple[str, str]:
    """Return the old and the new phrase of a line such as "blue car -> red car".

    Raises `RecipeError` for anything else.
    """
    if len(split_chapters(line)) > 1:
        raise RecipeError(
            "Open-Edit cannot paint a story: leave out the chapters behind ^, or choose VQGAN-CLIP"
        )
    phrases = _ARROW.split(line.strip())
    if len(phrases) != 2 or not all(phrases):
        raise RecipeError(
            "Open-Edit reads two phrases with an arrow between them, such as: blue car -> red car"
        )
    return phrases[0], phrases[1]


@dataclass(frozen=True, kw_only=True)
class OpenEditRecipe(PlainRecipe):
    """Everything that determines a picture of Open-Edit; `edit` is the picture to change.

    Raises:
        RecipeError: A value is not allowed.
    """

    painter: ClassVar[str] = "open-edit"
    shown_name: ClassVar[str] = "Open-Edit"

    old: str
    """Phrase for what is there, such as "blue car"."""
    new: str
    """Phrase for what it becomes, such as "red car"."""
    alpha: float = 5.0
    """How far the picture's features go from the old phrase to the new one."""
    is_global: bool = False
    """Whether the whole picture changes, instead of the places that resemble the old phrase. The
    published program has such a switch but forgets it for the final picture; here it counts."""
    optimization_steps: int = 10
    """Number of steps that fit the decoder to this picture; 0 for none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_plain("old", self.old)
        check_plain("new", self.new)
        check_number("alpha", self.alpha, -1000, 1000)
        check_whole("optimization_steps", self.optimization_steps, 0, MAX_OPTIMIZATION_STEPS)
        if self.edit is None:
            raise RecipeError("Open-Edit needs a picture to edit")
        if self.edit.mask is not None:
            raise RecipeError("Open-Edit finds the place by its phrase and takes no mask")
        if kept_weights(self.edit):
            raise RecipeError(
                "Open-Edit keeps what its phrase does not name: leave out how much to keep"
            )
        if self.old.lower().split() == self.new.lower().split():
            raise RecipeError(
                "both phrases are {phrase}, so nothing would change: say what it becomes",
                phrase=repr(shorten(self.new)),
            )

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Both phrases, as prompts of the weight 1."""
        return Prompt(self.old), Prompt(self.new)

    @property
    def title(self) -> str:
        """Both phrases, as `read_phrases` reads them."""
        return f"{self.old} → {self.new}"

    @property
    def steps(self) -> int:
        """Number of steps of the optimization, and one that makes the picture."""
        return self.optimization_steps + 1

    @property
    def total_steps(self) -> int:
        """Number of steps of the run."""
        return self.steps
