"""A recipe of a dedicated network that enlarges pictures, such as an ESRGAN.

The network belongs to the host, so the recipe names its file by content. No torch in here;
`engine.editing.upscaler` has the network.
"""

import re
from dataclasses import dataclass, field
from math import ceil
from typing import Any, ClassVar, Self

from engine.errors import RecipeError
from engine.recipes.checks import MAX_SIDE, MIN_SIDE, check_instance, check_whole
from engine.recipes.edit import check_picture
from engine.recipes.enlargement import Size, check_factor
from engine.recipes.json_form import build
from engine.recipes.plain_recipe import NETWORK, PlainRecipe
from engine.recipes.prompts import Prompt
from engine.text import Text

TILE = 128
"""Side in pixels of what the network enlarges at once; it sees some pixels around that."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe(PlainRecipe):
    """Everything that determines a picture that a network enlarges; each tile is a step.

    `side` is that of a tile. The seed changes nothing, because no random number is drawn.

    Raises:
        RecipeError: A value is not allowed.
    """

    painter: ClassVar[str] = NETWORK
    shown_name: ClassVar[str] = "a network that enlarges pictures"

    models: str = NETWORK
    seed: int = 0
    side: int = TILE
    source: bytes = field(repr=False)
    """Picture to enlarge, as a PNG; empty if it was left out when the recipe was shared."""
    source_width: int
    """Width of the picture to enlarge, in pixels."""
    source_height: int
    """Height of the picture to enlarge, in pixels."""
    factor: int
    """How many times as wide and high the result is, 2 or 4."""
    network: str
    """SHA-256 of the network's file, as 64 hexadecimal digits."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_picture("source", self.source)
        check_factor(self.factor)
        for name in ("source_width", "source_height"):
            check_whole(name, getattr(self, name), MIN_SIDE, MAX_SIDE // self.factor)
        check_instance("network", self.network, str)
        if not _SHA256.fullmatch(self.network):
            raise RecipeError("network must be the SHA-256 of a file, as 64 hexadecimal digits")
        if self.edit is not None:
            raise RecipeError("a network enlarges whole pictures and edits none")
        if self.enlarge != 1:
            raise RecipeError("a picture that a network enlarged is shown as large as it is")

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """No words: a network reads none."""
        return ()

    @property
    def title(self) -> str:
        """What people read instead of words."""
        return f"a picture, {self.factor} times as large"

    @property
    def init_image(self) -> bytes:
        """The picture to enlarge."""
        return self.source

    @property
    def source_size(self) -> Size:
        """Width and height of the picture to enlarge, in pixels."""
        return self.source_width, self.source_height

    @property
    def size(self) -> Size:
        """Width and height of the result in pixels."""
        return self.factor * self.source_width, self.factor * self.source_height

    @property
    def total_steps(self) -> int:
        """Number of steps of the run."""
        return self.steps

    @property
    def steps(self) -> int:
        """Number of tiles."""
        return ceil(self.source_width / TILE) * ceil(self.source_height / TILE)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """Read the parsed output of `to_json`, without version and painter.

        Raises `RecipeError`.
        """
        return build(cls, values, Text("the recipe"), "source")
