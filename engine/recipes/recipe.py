"""A recipe: everything that determines a picture, as a value.

The same recipe on the same models and device gives the same bytes. A recipe is frozen, validated
when it is created, and converts to and from JSON; every PNG that the engine saves contains its
recipe. No torch in here.
"""

import base64
import json
import re
from collections import Counter
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import cache
from reprlib import repr as brief
from types import UnionType
from typing import Any, Literal, Self, cast, get_args

from engine.errors import RecipeError
from engine.recipes.augmentations import Augmentations
from engine.recipes.edit import MAX_BYTES, Edit, ImagePrompt, check_picture
from engine.recipes.prompts import (
    MAX_LENGTH,
    MAX_PROMPTS,
    Prompt,
    check_number,
    check_prompts,
    check_weights,
    is_tuple_of,
)
from engine.text import Text

VERSION = 3
"""Version of the JSON format; readers reject newer versions. Version 2 added edits and image
prompts, version 3 extra rounds and start noise. Keys missing in older versions have defaults."""

MIN_SIDE, MAX_SIDE = 16, 4096
MAX_STEPS = 100_000
MAX_MORE = 100
"""Maximum number of extra rounds in a run."""
MAX_START_NOISE = 10.0
MIN_LEARNING_RATE = 1e-6
MAX_SEED = 2**63 - 1
MAX_CUTOUTS = 1024
MAX_ENLARGE = 16
MAX_WORDS = 2 * MAX_PROMPTS * MAX_LENGTH
"""Maximum number of characters of a recipe as JSON without its pictures. All prompts take at most
half of them, or all if each character is escaped."""

_RECIPE = Text("the recipe")
_PICTURE = re.compile(r'"[A-Za-z0-9+/]{256,}+={0,2}"')
"""A picture in JSON: a string of base64 that is too long to be anything else."""

Quantization = Literal["z-quantize", "none", "codebook-sampling"]
Start = Literal["codes", "noise", "image"]


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a picture.

    Raises:
        RecipeError: A value is not allowed.
    """

    prompts: tuple[Prompt, ...]
    """What the picture should show; losses of several prompts are averaged by weight. There may be
    none if there are `image_prompts`."""
    models: str
    """Name of the pair of models that paints."""
    width: int
    """Width of the canvas in pixels, a multiple of the generator's latent cell."""
    height: int
    """Height of the canvas in pixels, a multiple of the generator's latent cell."""
    steps: int
    """Number of optimization steps, not counting those of `more`."""
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
    """Start of the run: random codebook entries, encoded random pixels, or an encoded picture (the
    `init_image`, or the source of the `edit`)."""
    init_image: bytes | None = field(default=None, repr=False)
    """Picture file to start from, at the size of the canvas; only with start "image"."""
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

    def __post_init__(self) -> None:
        check_prompts(self.prompts)
        _check_image_prompts(self.image_prompts)
        check_weights([each.weight for each in (*self.prompts, *self.image_prompts)])
        _instance("augmentations", self.augmentations, Augmentations)
        _instance("edit", self.edit, Edit | None)
        _check_models(self.models)
        _whole("width", self.width, MIN_SIDE, MAX_SIDE)
        _whole("height", self.height, MIN_SIDE, MAX_SIDE)
        _whole("steps", self.steps, 1, MAX_STEPS)
        _check_more(self.more, self.steps)
        _whole("seed", self.seed, 0, MAX_SEED)
        _whole("cutouts", self.cutouts, 1, MAX_CUTOUTS)
        _whole("enlarge", self.enlarge, 1, MAX_ENLARGE)
        check_number("learning_rate", self.learning_rate, MIN_LEARNING_RATE, 100)
        check_number("learning_rate_end", self.learning_rate_end, 0, 1)
        check_number("regularizer", self.regularizer, 0, 1000)
        check_number("regularizer_decay", self.regularizer_decay, 0, 1)
        check_number("smoothness", self.smoothness, 0, 1000)
        check_number("start_noise", self.start_noise, 0, MAX_START_NOISE)
        _one_of("quantization", self.quantization, get_args(Quantization))
        _one_of("start", self.start, get_args(Start))
        if self.init_image is not None:
            check_picture("init_image", self.init_image)
        pictures = sum(each is not None for each in (self.init_image, self.edit))
        if pictures != (self.start == "image"):
            raise RecipeError(
                'start "image" needs one picture, an initial image or that of an edit; other '
                "starts take none"
            )
        if self.start_noise > 0 and self.start != "image":
            raise RecipeError("start_noise needs a picture to start from, or must be 0")
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
        words = [str(prompt) for prompt in self.prompts]
        if not any(prompt.weight > 0 for prompt in self.prompts):
            away = sum(each.weight < 0 for each in self.image_prompts)
            counts = {"like": len(self.image_prompts) - away, "unlike": away}
            words = [*(_pictures(*each) for each in counts.items() if each[1]), *words]
        return " | ".join(words)

    @property
    def rounds(self) -> tuple[int, ...]:
        """Number of steps of each round, from the first on."""
        return self.steps, *self.more

    @property
    def total_steps(self) -> int:
        """Number of steps of all rounds together, the length of the run."""
        return sum(self.rounds)

    def to_json(self) -> str:
        """Return the recipe as a JSON object with keys in the order of the fields."""
        values = {"version": VERSION} | asdict(self)
        return json.dumps(values, ensure_ascii=False, allow_nan=False, default=_encode_base64)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the output of `to_json`.

        Raises:
            RecipeError: A key is unknown or missing, or the version is newer than `VERSION`.
        """
        values = _as_object(_parse(text), _RECIPE)
        _check_version(values.pop("version", None))
        return cls._from_values(values)

    @classmethod
    def _from_values(cls, values: dict[str, Any]) -> Self:
        prompts = _as_list(values.get("prompts"), Text("the recipe's prompts"))
        values["prompts"] = tuple(_build(Prompt, each, Text("the prompt")) for each in prompts)
        values["augmentations"] = _build(
            Augmentations, values.get("augmentations"), Text("the augmentations")
        )
        if isinstance(values.get("more"), list):
            values["more"] = tuple(values["more"])
        pictures = _as_list(values.get("image_prompts", []), Text("the recipe's image prompts"))
        values["image_prompts"] = tuple(
            _build(ImagePrompt, each, Text("the image prompt"), "picture") for each in pictures
        )
        if values.get("edit") is not None:
            values["edit"] = _build(Edit, values["edit"], Text("the edit"), "source", "mask")
        return _build(cls, values, _RECIPE, "init_image")


def _pictures(relation: str, count: int) -> str:
    return f"{relation} a picture" if count == 1 else f"{relation} {count} pictures"


def _parse(text: str) -> object:
    _check_length(text)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecipeError:
        raise
    except (ValueError, RecursionError) as error:
        raise RecipeError("the recipe is not valid JSON") from error


def _check_length(text: str) -> None:
    """Raise `RecipeError` if JSON is long even without pictures, before it is parsed.

    Each value takes a hundred times the memory of its text. Every turn of the loop ends at another
    quotation mark, and counts at least one character unless it skips a picture.
    """
    words = position = 0
    while position < len(text):
        if picture := _PICTURE.match(text, position):
            position = picture.end()
            continue
        following = text.find('"', position + 1)
        end = len(text) if following < 0 else following
        words += end - position
        position = end
        if words > MAX_WORDS:
            raise RecipeError(
                "the recipe is not valid JSON for this program: without its pictures it has more "
                "than {most} characters",
                most=MAX_WORDS,
            )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, or reject duplicate keys: JSON readers disagree which value counts."""
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise RecipeError("the recipe contains the key {key} twice", key=brief(twice))
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_version(version: object) -> None:
    if type(version) is int and version > VERSION:
        raise RecipeError(
            "the recipe has version {version}, newer than {latest}, the latest that this program "
            "can read: update the program",
            version=brief(version),
            latest=VERSION,
        )
    if type(version) is not int or not 1 <= version <= VERSION:
        raise RecipeError(
            "the recipe's version must be from 1 to {latest}, not {version}",
            latest=VERSION,
            version=brief(version),
        )


@cache
def _field_names(kind: type) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the names of all fields of a dataclass, and of those without a default.

    Cached, because the bot reads thousands of recipes when it starts.
    """
    every = fields(kind)
    return frozenset(f.name for f in every), tuple(f.name for f in every if f.default is MISSING)


def _build(kind: type, values: object, name: Text, *encoded: str) -> Any:
    """Create the dataclass `kind` from a JSON object whose keys are its fields.

    Values of the keys `encoded` are base64 strings, which become bytes.
    """
    entries = dict(_as_object(values, name))
    for key in encoded:
        _decode(entries, key)
    known, needed = _field_names(kind)
    unknown = sorted(entries.keys() - known)
    if unknown:
        keys = ", ".join(map(brief, unknown[:5]))
        raise RecipeError("{name} contains unknown keys: {keys}", name=name, keys=keys)
    missing = [each for each in needed if each not in entries]
    if missing:
        keys = ", ".join(map(repr, missing))
        raise RecipeError("{name} lacks the keys {keys}", name=name, keys=keys)
    return kind(**entries)


def _as_object(value: object, name: Text) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RecipeError("{name} must be a JSON object", name=name)
    return cast(dict[str, Any], value)


def _as_list(value: object, name: Text) -> list[object]:
    if not isinstance(value, list):
        raise RecipeError("{name} must be a list", name=name)
    return cast(list[object], value)


def _decode(values: dict[str, Any], name: str) -> None:
    if values.get(name) is None:
        return
    try:
        values[name] = base64.b64decode(values[name], validate=True)
    except (TypeError, ValueError) as error:
        key = name.replace("_", " ")
        raise RecipeError("the recipe's {key} must be base64", key=key) from error


def _encode_base64(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value)} cannot be part of a recipe")
    return base64.b64encode(value).decode()


def _check_models(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise RecipeError("models must be the name of a pair of models")


def _check_image_prompts(image_prompts: object) -> None:
    if not is_tuple_of(image_prompts, ImagePrompt):
        raise RecipeError(
            "image_prompts must be a tuple of ImagePrompt, not {value}", value=brief(image_prompts)
        )
    if len(image_prompts) > MAX_PROMPTS or sum(len(p.picture) for p in image_prompts) > MAX_BYTES:
        raise RecipeError(
            "at most {most} image prompts are allowed, with {mebibytes} MiB together",
            most=MAX_PROMPTS,
            mebibytes=MAX_BYTES // 2**20,
        )


def _check_more(more: object, steps: int) -> None:
    if not is_tuple_of(more, object) or len(more) > MAX_MORE:
        raise RecipeError(
            "more must be a tuple of at most {most} numbers, not {value}",
            most=MAX_MORE,
            value=brief(more),
        )
    total = steps + sum(_whole(Text("each round in more"), each, 1, MAX_STEPS) for each in more)
    if total > MAX_STEPS:
        raise RecipeError(
            "all rounds together have {total} steps; at most {most} are allowed",
            total=total,
            most=MAX_STEPS,
        )


def _instance(name: str, value: object, kind: type | UnionType) -> None:
    if not isinstance(value, kind):
        raise RecipeError(
            "{name} must be of the type {kind}, not {value}",
            name=name,
            kind=str(kind),
            value=brief(value),
        )


def _whole(name: Text | str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RecipeError(
            "{name} must be a whole number from {low} to {high}, not {value}",
            name=name,
            low=low,
            high=high,
            value=brief(value),
        )
    return value


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise RecipeError(
            "{name} must be one of {allowed}, not {value}",
            name=name,
            allowed=", ".join(allowed),
            value=brief(value),
        )
