"""A recipe of minDALL-E (Kim et al., 2021): a transformer writes the codes of a VQGAN.

Defaults are those of the published program, but for the number of candidates. No torch in here.
"""

from dataclasses import dataclass
from typing import ClassVar

from engine.errors import RecipeError
from engine.recipes.checks import check_number, check_whole
from engine.recipes.plain_recipe import PlainRecipe, check_plain
from engine.recipes.prompts import Prompt

ROWS = 16
"""Number of rows of codes in a picture; a step writes one row of every candidate."""
MAX_CANDIDATES = 64
MAX_TOP_K = 65_536


@dataclass(frozen=True, kw_only=True)
class MinDalleRecipe(PlainRecipe):
    """Everything that determines a picture of minDALL-E.

    Raises:
        RecipeError: A value is not allowed.
    """

    painter: ClassVar[str] = "mindalle"
    shown_name: ClassVar[str] = "minDALL-E"

    prompt: str
    """What the picture should show, as one sentence."""
    candidates: int = 5
    """Number of pictures that are written at once, of which CLIP chooses the best."""
    top_k: int = 256
    """Number of the likeliest codes of which each is drawn."""
    top_p: float | None = None
    """Probability in sum of the likeliest codes of which each is drawn; None for no limit."""
    temperature: float = 1.0
    """How even the probabilities of the codes are made; the smaller, the likelier the choice."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_plain("prompt", self.prompt)
        check_whole("candidates", self.candidates, 1, MAX_CANDIDATES)
        check_whole("top_k", self.top_k, 1, MAX_TOP_K)
        if self.top_p is not None:
            check_number("top_p", self.top_p, 0, 1)
        check_number("temperature", self.temperature, 0.01, 10)
        if self.edit is not None:
            raise RecipeError("minDALL-E paints new pictures only and cannot edit one")

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The sentence, as a prompt of the weight 1."""
        return (Prompt(self.prompt),)

    @property
    def steps(self) -> int:
        """Number of rows of codes, which are then decoded and ranked in one step each."""
        return ROWS + 2

    @property
    def total_steps(self) -> int:
        """Number of steps of the run."""
        return self.steps
