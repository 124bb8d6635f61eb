"""What recipes of the other painters have in common: those of the paper's rivals.

VQGAN-CLIP's own recipe is in `engine.recipes.recipe`. No torch in here.
"""

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Literal, Self

from engine.errors import RecipeError
from engine.recipes.checks import (
    MAX_ENLARGE,
    MAX_SEED,
    MAX_SIDE,
    MIN_SIDE,
    check_instance,
    check_models,
    check_whole,
)
from engine.recipes.edit import Edit, ImagePrompt
from engine.recipes.json_form import build, encode_base64
from engine.recipes.prompts import Prompt, parse_line
from engine.text import Text

PainterKind = Literal["glide", "mindalle", "open-edit"]
"""The methods of these recipes, each named as by `painter` of its recipe."""
NETWORK: Final = "network"
"""What enlarges pictures without words, `engine.recipes.network_recipe`; also its models' name."""
VERSION = 4
"""Version of the JSON form, which has the key `painter`."""


@dataclass(frozen=True, kw_only=True)
class PlainRecipe(ABC):
    """A recipe for square pictures of one size, from words without weights.

    Raises:
        RecipeError: A value is not allowed.
    """

    painter: ClassVar[str]
    """Name of the method that paints it, the key of its kind in the JSON form."""
    shown_name: ClassVar[str]
    """Name of the method for people."""

    models: str
    """Name of the models that paint."""
    seed: int
    """Seed of all random numbers of the run."""
    side: int
    """Width and height of the picture in pixels, which the models determine."""
    enlarge: int = 1
    """Factor by which the finished picture is enlarged."""
    edit: Edit | None = None
    """Picture to change; None to paint a new one."""

    def __post_init__(self) -> None:
        check_models(self.models)
        check_whole("seed", self.seed, 0, MAX_SEED)
        check_whole("side", self.side, MIN_SIDE, MAX_SIDE)
        check_whole("enlarge", self.enlarge, 1, MAX_ENLARGE)
        check_instance("edit", self.edit, Edit | None)

    @property
    @abstractmethod
    def prompts(self) -> tuple[Prompt, ...]:
        """The words, as prompts of the weight 1."""

    @property
    @abstractmethod
    def total_steps(self) -> int:
        """Number of steps of the run."""

    @property
    def title(self) -> str:
        """The words, as people read them."""
        return " | ".join(prompt.text for prompt in self.prompts)

    @property
    def width(self) -> int:
        """Width of the picture in pixels, before it is enlarged."""
        return self.side

    @property
    def height(self) -> int:
        """Height of the picture in pixels, before it is enlarged."""
        return self.side

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels, before it is enlarged."""
        return self.width, self.height

    @property
    def image_prompts(self) -> tuple[ImagePrompt, ...]:
        """No pictures: these painters read words only."""
        return ()

    @property
    def init_image(self) -> bytes | None:
        """No picture to start from."""
        return None

    @property
    def film(self) -> None:
        """No film: these painters paint single pictures."""
        return None

    @property
    def rounds(self) -> tuple[int, ...]:
        """Number of steps of the only round."""
        return (self.total_steps,)

    def to_json(self) -> str:
        """Return the recipe as a JSON object with keys in the order of the fields."""
        values = {"version": VERSION, "painter": self.painter} | asdict(self)
        return json.dumps(values, ensure_ascii=False, allow_nan=False, default=encode_base64)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """Read the parsed output of `to_json`, without version and painter.

        Raises `RecipeError`.
        """
        if values.get("edit") is not None:
            values["edit"] = build(Edit, values["edit"], Text("the edit"), "source", "mask")
        return build(cls, values, Text("the recipe"))


def read_plain(line: str, painter: str) -> str:
    """Return the sentence that someone typed for a painter.

    Raises `RecipeError` for weights, several prompts, what to push away from, and a story.
    """
    found = parse_line(line)
    prompts = found.prompts
    if found.story is not None:
        raise RecipeError(
            "{painter} cannot paint a story: leave out the chapters behind ^, or choose "
            r"VQGAN-CLIP (\^ stands for a ^ in a text)",
            painter=painter,
        )
    if len(prompts) != 1 or prompts[0].weight != 1 or prompts[0].stop is not None:
        raise RecipeError(
            "one plain sentence is all that {painter} reads: leave out weights and what to avoid",
            painter=painter,
        )
    return prompts[0].text


def check_plain(name: str, words: object) -> None:
    """Raise `RecipeError` unless `words` are text of the usual length."""
    if not isinstance(words, str):
        raise RecipeError("{name} must be text", name=name)
    Prompt(words)
