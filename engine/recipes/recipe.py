"""A recipe of VQGAN-CLIP: everything that determines a picture, as a value.

The same recipe on the same models and device gives the same bytes. A recipe is frozen, validated
when it is created, and converts to and from JSON; every PNG that the engine saves contains its
recipe. `engine.recipes.kinds` knows the recipes of the other painters too. No torch in here.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Any, ClassVar, Literal, Self, get_args

from engine.errors import RecipeError
from engine.images.tiling import TILES, Tile
from engine.recipes.augmentations import Augmentations
from engine.recipes.checks import (
    MAX_ENLARGE,
    MAX_SEED,
    MAX_SIDE,
    MAX_STEPS,
    MIN_SIDE,
    check_instance,
    check_models,
    check_number,
    check_one_of,
    check_whole,
)
from engine.recipes.edit import Edit, ImagePrompt, check_picture
from engine.recipes.enlargement import Enlargement
from engine.recipes.film import Clip, Film
from engine.recipes.json_form import as_list, as_object, build, check_version, encode_base64, parse
from engine.recipes.prompts import Prompt, check_prompts, check_weights, line_of
from engine.recipes.recipe_checks import (
    check_enlargement,
    check_film,
    check_image_prompts,
    check_more,
)
from engine.recipes.story import Story, check_story
from engine.text import Text

VERSION = 3
"""Version of the JSON format; readers reject newer versions. Version 2 added edits and image
prompts, version 3 extra rounds and start noise. Keys missing in older versions have defaults.
Version 4, which only other painters need, added the key `painter` (`engine.recipes.kinds`)."""
VERSION_OF_FILMS, NEWEST_VERSION = 5, 6
"""Versions that only some recipes need. Version 5 added tiles, films, stories and enlargements with
their keys `tile`, `film`, `story` and `enlargement`, version 6 the keys `keep_cells` and
`reencode_every`."""

MAX_START_NOISE = 10.0
MIN_LEARNING_RATE = 1e-6
MAX_CUTOUTS = 1024

_RECIPE = Text("the recipe")
Quantization = Literal["z-quantize", "none", "codebook-sampling"]
Start = Literal["codes", "random", "noise", "image"]


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a picture of VQGAN-CLIP.

    Raises:
        RecipeError: A value is not allowed.
    """

    painter: ClassVar[str] = "vqgan-clip"
    """Name of the method that paints it."""

    prompts: tuple[Prompt, ...]
    """What the picture should show; losses of several prompts are averaged by weight. There may be
    none if there are `image_prompts`."""
    models: str
    """Name of the pair of models that paints."""
    width: int
    """Width of the canvas, or of each tile of an enlargement, in pixels, a multiple of the
    generator's latent cell."""
    height: int
    """Height of the canvas, or of each tile of an enlargement, in pixels, a multiple of the
    generator's latent cell."""
    steps: int
    """Number of optimization steps, not counting those of `more`; those of each tile of an
    enlargement."""
    seed: int
    """Seed of all random numbers of the run."""
    learning_rate: float
    """Initial step size of Adam on the latent."""
    learning_rate_end: float
    """Share of the learning rate left at the end of each round; it falls along half a cosine, and 1
    keeps it constant."""
    cutouts: int
    """Number of augmented views of the picture in each step."""
    augmentations: Augmentations
    """Strengths of the random changes of a cutout (Section 2.3)."""
    regularizer: float
    """Weight of mean(z^2), the paper's alpha (Section 2.4)."""
    regularizer_decay: float
    """Share of the regularizer's weight that is lost in each step."""
    smoothness: float = 0.0
    """Weight of the picture's total variation, which rises from 0 over the last part of `steps`."""
    quantization: Quantization = "z-quantize"
    """How a latent maps to the codebook: nearest entries, not at all, or sampled entries (5.1)."""
    start: Start = "codes"
    """Start of the run: random codebook entries, a random state of a generator without a codebook,
    encoded random pixels, or an encoded picture (the `init_image`, or the source of the `edit`)."""
    init_image: bytes | None = field(default=None, repr=False)
    """Picture file to start from, at the size of the canvas, or the picture of an `enlargement`;
    only with start "image"."""
    image_prompts: tuple[ImagePrompt, ...] = ()
    """Pictures that the painting should resemble, in addition to `prompts` or without any."""
    edit: Edit | None = None
    """Picture to change, from which the run also starts; only with start "image"."""
    enlarge: int = 1
    """Factor by which the finished picture is enlarged."""
    more: tuple[int, ...] = ()
    """Numbers of steps of extra rounds; the learning rate rises and falls again in each. The run
    begins exactly like one without extra rounds."""
    start_noise: float = 0.0
    """Gaussian noise on the latent of the start picture, in standard deviations of that latent;
    only with start "image"."""
    tile: Tile = "none"
    """Axes along which the picture continues across its own edges, so that copies of it join."""
    film: Film | None = None
    """What turns the picture into a film; None for a picture."""
    story: Story | None = None
    """Chapters of the prompts over the first `steps`; None if all prompts count in every step.
    `image_prompts` count in every chapter, and rounds of `more` go on with the last one."""
    enlargement: Enlargement | None = None
    """What paints the `init_image` larger, tile by tile; None for a picture of the canvas."""
    reencode_every: int = 0
    """Number of steps after which, again and again, the latent becomes the encoding of its own
    picture, without what only fools the perceptors; 0 for never."""

    def __post_init__(self) -> None:
        check_prompts(self.prompts)
        check_image_prompts(self.image_prompts)
        check_instance("augmentations", self.augmentations, Augmentations)
        check_instance("edit", self.edit, Edit | None)
        check_instance("film", self.film, Film | None)
        check_instance("enlargement", self.enlargement, Enlargement | None)
        check_models(self.models)
        check_whole("width", self.width, MIN_SIDE, MAX_SIDE)
        check_whole("height", self.height, MIN_SIDE, MAX_SIDE)
        check_whole("steps", self.steps, 1, MAX_STEPS)
        check_more(self.more, self.steps)
        check_story(self.story, [prompt.text for prompt in self.prompts], self.steps)
        for chapter in self.chapters:
            check_weights([each.weight for each in (*chapter, *self.image_prompts)])
        check_whole("seed", self.seed, 0, MAX_SEED)
        check_whole("reencode_every", self.reencode_every, 0, MAX_STEPS)
        check_whole("cutouts", self.cutouts, 1, MAX_CUTOUTS)
        check_whole("enlarge", self.enlarge, 1, MAX_ENLARGE)
        check_number("learning_rate", self.learning_rate, MIN_LEARNING_RATE, 100)
        check_number("learning_rate_end", self.learning_rate_end, 0, 1)
        check_number("regularizer", self.regularizer, 0, 1000)
        check_number("regularizer_decay", self.regularizer_decay, 0, 1)
        check_number("smoothness", self.smoothness, 0, 1000)
        check_number("start_noise", self.start_noise, 0, MAX_START_NOISE)
        check_one_of("quantization", self.quantization, get_args(Quantization))
        check_one_of("start", self.start, get_args(Start))
        check_one_of("tile", self.tile, TILES)
        if self.init_image is not None:
            check_picture("init_image", self.init_image)
        pictures = sum(each is not None for each in (self.init_image, self.edit, self.clip))
        if pictures != (self.start == "image"):
            raise RecipeError(
                'start "image" needs one picture, an initial image, that of an edit or the first '
                "of a clip; other starts take none"
            )
        if self.film is not None:
            check_film(self)
        if self.enlargement is not None:
            check_enlargement(self, self.enlargement)
        if self.start_noise > 0 and self.start != "image":
            raise RecipeError("start_noise needs a picture to start from, or must be 0")
        if self.reencode_every > 0 and self.quantization == "codebook-sampling":
            raise RecipeError(
                "codebook sampling has no latent to encode a picture into: reencode_every must be 0"
            )
        if self.start != "codes" and self.quantization == "codebook-sampling":
            raise RecipeError(
                "codebook sampling has no latent to encode a picture into: start must be "
                '"codes", not "{start}"',
                start=self.start,
            )

    @property
    def title(self) -> str:
        """The prompts as someone would type them, or "like 2 pictures" if none says what to show.

        It names the recipe where people read it, and cannot always be typed.
        """
        if self.story is not None:
            return line_of(self.prompts, self.story)
        words = [line_of(self.prompts)] if self.prompts else []
        if not any(prompt.weight > 0 for prompt in self.prompts):
            away = sum(each.weight < 0 for each in self.image_prompts)
            counts = {"like": len(self.image_prompts) - away, "unlike": away}
            words = [*(_pictures(*each) for each in counts.items() if each[1]), *words]
        return " | ".join(words)

    @property
    def clip(self) -> Clip | None:
        """The clip that is painted in another style; None for all other recipes."""
        return None if self.film is None else self.film.clip

    @property
    def chapters(self) -> tuple[tuple[Prompt, ...], ...]:
        """The prompts that count together: those of each chapter of a story, or all of them."""
        return (self.prompts,) if self.story is None else self.story.split(self.prompts)

    def with_chapters(self, chapters: Sequence[tuple[Prompt, ...]]) -> Self:
        """Return the recipe with other prompts in each of its `chapters`.

        Raises:
            RecipeError: A chapter has none.
        """
        story = self.story and self.story.with_counts(map(len, chapters))
        return replace(self, prompts=tuple(chain(*chapters)), story=story)

    def at_chapter(self, steps: int) -> Self:
        """Return the recipe of a picture of what its story tells after `steps`, without a story.

        A picture is of the chapter that its last step belonged to.
        """
        if self.story is None:
            return self
        over = min(self.story_share(max(0, steps - 1)), 1.0)
        own = self.chapters[self.story.place_at(over).chapter]
        return replace(self, prompts=own, story=None)

    @property
    def rounds(self) -> tuple[int, ...]:
        """Number of steps of each round, from the first on."""
        return self.steps, *self.more

    @property
    def total_steps(self) -> int:
        """Number of steps of all rounds, frames or tiles together: the length of the run."""
        if self.enlargement is not None:
            return self.steps * self.tile_count
        return sum(self.rounds) + (0 if self.film is None else self.film.extra_steps)

    @property
    def tile_count(self) -> int:
        """Number of tiles of an enlargement; 1 for other pictures, which are painted as a whole."""
        if self.enlargement is None:
            return 1
        return self.enlargement.tile_count((self.width, self.height), self.tile)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the painted picture in pixels, before `enlarge`."""
        return (self.width, self.height) if self.enlargement is None else self.enlargement.size

    @property
    def has_fixed_length(self) -> bool:
        """Whether no rounds or frames can be added, because the end is known.

        That is so for enlargements, and for films that are loops or stories or restyle a clip.
        """
        if self.enlargement is not None:
            return True
        has_end = self.story is not None or self.clip is not None
        return self.film is not None and (self.film.loop or has_end)

    def story_share(self, steps: int) -> float:
        """Return how much of the story is over after some steps, from 0; beyond 1 in extra rounds.

        Of a film it is over with the last frame, and the picture before the frames is of the first
        chapter.
        """
        if self.film is None:
            return steps / self.steps
        return max(0, steps - self.steps) / self.film.extra_steps

    def frames_done(self, steps: int) -> int:
        """Return how many frames of the film are finished after some steps; 0 for a picture."""
        if self.film is None:
            return 0
        return min(self.film.frames, max(0, steps - self.steps) // self.film.steps)

    def frame_after(self, steps: int) -> int | None:
        """Return which frame of the film, from 0, a run finishes with its step number `steps`.

        None if the frame needs more steps, or the recipe is that of a picture.
        """
        if self.film is None or steps <= self.steps or (steps - self.steps) % self.film.steps:
            return None
        return (steps - self.steps) // self.film.steps - 1

    def to_json(self) -> str:
        """Return the recipe as a JSON object with keys in the order of the fields."""
        values: dict[str, Any] = {"version": self._version(), **asdict(self)}
        if self.tile == "none":
            del values["tile"]
        if self.film is None:
            del values["film"]
        elif self.film.clip is None:
            del values["film"]["clip"]
        else:
            _leave_out_new(values["film"]["clip"])
        if self.edit is not None:
            _leave_out_new(values["edit"])
        if self.story is None:
            del values["story"]
        if self.enlargement is None:
            del values["enlargement"]
        if self.reencode_every == 0:
            del values["reencode_every"]
        return json.dumps(values, ensure_ascii=False, allow_nan=False, default=encode_base64)

    def _version(self) -> int:
        """Return the lowest version of the format that has all that the recipe uses."""
        kept = (self.edit, self.film and self.film.clip)
        if self.reencode_every > 0 or any(each and each.keep_cells for each in kept):
            return NEWEST_VERSION
        if self.tile != "none" or any((self.film, self.story, self.enlargement)):
            return VERSION_OF_FILMS
        return VERSION

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the output of `to_json`.

        Raises:
            RecipeError: A key is unknown or missing, or the version is newer than the latest.
        """
        values = as_object(parse(text), _RECIPE)
        check_version(values.pop("version", None), NEWEST_VERSION)
        return cls.from_values(values)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """Read the parsed output of `to_json`, without its version; raises `RecipeError`."""
        prompts = as_list(values.get("prompts"), Text("the recipe's prompts"))
        values["prompts"] = tuple(build(Prompt, each, Text("the prompt")) for each in prompts)
        values["augmentations"] = build(
            Augmentations, values.get("augmentations"), Text("the augmentations")
        )
        if isinstance(values.get("more"), list):
            values["more"] = tuple(values["more"])
        pictures = as_list(values.get("image_prompts", []), Text("the recipe's image prompts"))
        values["image_prompts"] = tuple(
            build(ImagePrompt, each, Text("the image prompt"), "picture") for each in pictures
        )
        if values.get("film") is not None:
            values["film"] = _film_from_values(values["film"])
        if values.get("enlargement") is not None:
            values["enlargement"] = build(
                Enlargement, values["enlargement"], Text("the enlargement")
            )
        if values.get("edit") is not None:
            values["edit"] = build(Edit, values["edit"], Text("the edit"), "source", "mask")
        if values.get("story") is not None:
            values["story"] = Story.from_values(values["story"])
        return build(cls, values, _RECIPE, "init_image")


def _film_from_values(values: object) -> Film:
    film = dict(as_object(values, Text("the film")))
    if film.get("clip") is not None:
        film["clip"] = build(Clip, film["clip"], Text("the clip"), "video")
    return build(Film, film, Text("the film"))


def _leave_out_new(keep: dict[str, Any]) -> None:
    """Leave out what older programs do not know, if it says nothing."""
    if keep["keep_cells"] == 0:
        del keep["keep_cells"]


def _pictures(relation: str, count: int) -> str:
    return f"{relation} a picture" if count == 1 else f"{relation} {count} pictures"
