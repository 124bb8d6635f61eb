"""A recipe: everything that determines a picture, as a value.

The same recipe on the same models and device gives the same bytes. A recipe is frozen, checked
when it is made, and readable from and writable to JSON; it travels inside every PNG that the
engine saves. No torch in here.
"""

import base64
import json
from collections import Counter
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import cache
from reprlib import repr as brief
from types import UnionType
from typing import Any, Literal, Self, get_args

from engine.errors import RecipeError
from engine.recipes.augmentations import Augmentations
from engine.recipes.edit import MAX_BYTES, Edit, ImagePrompt, check_picture
from engine.recipes.prompts import MAX_PROMPTS, Prompt, check_prompts

VERSION = 3
"""Version of the JSON form, which a reader refuses if it is newer. 2 brought edits and image
prompts, 3 further rounds and noise at the start; what older ones have no word for has a default."""

MIN_SIDE, MAX_SIDE = 16, 4096
MAX_STEPS = 100_000
MAX_MORE = 100
"""Further rounds of a run."""
MAX_START_NOISE = 10.0
MAX_SEED = 2**63 - 1
MAX_CUTOUTS = 1024
MAX_ENLARGE = 16

Quantization = Literal["z-quantize", "none", "codebook-sampling"]
Start = Literal["codes", "noise", "image"]


@dataclass(frozen=True)
class Recipe:
    """All that determines a picture. Raises `RecipeError` for a value that is not allowed."""

    prompts: tuple[Prompt, ...]
    """What the picture should show; the losses of several are averaged by weight."""
    models: str
    """Name of the pair of models that paints."""
    width: int
    """Pixels, a multiple of the generator's latent cell."""
    height: int
    """Pixels, likewise."""
    steps: int
    """Iterations of the optimiser, without those of `more`."""
    seed: int
    """Where all randomness of the run comes from."""
    learning_rate: float
    """Adam's step size on the latent at the beginning."""
    learning_rate_end: float
    """Share of the learning rate that is left at the end of every round, reached along half a
    cosine; 1 keeps it constant."""
    cutouts: int
    """Augmented views of the picture in every step."""
    augmentations: Augmentations
    """What may happen to a cutout (Section 2.3)."""
    regularizer: float
    """Weight of mean(z^2), the paper's alpha (Section 2.4)."""
    regularizer_decay: float
    """Share of the regulariser's weight that is lost in every step."""
    smoothness: float = 0.0
    """Weight of the picture's total variation, which rises from 0 over the last part of `steps`."""
    quantization: Quantization = "z-quantize"
    """How a latent meets the codebook: nearest entries, not at all, or sampled entries (5.1)."""
    start: Start = "codes"
    """Random codebook entries, encoded random pixels, or an encoded picture: the `init_image`, or
    the source of the `edit`."""
    init_image: bytes | None = field(default=None, repr=False)
    """The picture to start from, a file's bytes at the canvas's size; only with start "image"."""
    image_prompts: tuple[ImagePrompt, ...] = ()
    """Pictures that the painting should resemble, beside what `prompts` say."""
    edit: Edit | None = None
    """The picture that is changed, which is also where the run starts; only with start "image"."""
    enlarge: int = 1
    """How many times larger than painted the finished picture is shown."""
    more: tuple[int, ...] = ()
    """Iterations of further rounds, in each of which the learning rate rises and falls anew. A run
    with them begins exactly as the one without."""
    start_noise: float = 0.0
    """Gaussian noise on the latent of the picture that the run starts from, in standard deviations
    of that latent; only with start "image"."""

    def __post_init__(self) -> None:
        check_prompts(self.prompts)
        _check_image_prompts(self.image_prompts)
        _instance("augmentations", self.augmentations, Augmentations)
        _instance("edit", self.edit, Edit | None)
        if not isinstance(self.models, str) or not self.models:
            raise RecipeError("models must be the name of a pair of models")
        _whole("width", self.width, MIN_SIDE, MAX_SIDE)
        _whole("height", self.height, MIN_SIDE, MAX_SIDE)
        _whole("steps", self.steps, 1, MAX_STEPS)
        _check_more(self.more, self.steps)
        _whole("seed", self.seed, 0, MAX_SEED)
        _whole("cutouts", self.cutouts, 1, MAX_CUTOUTS)
        _whole("enlarge", self.enlarge, 1, MAX_ENLARGE)
        _number("learning_rate", self.learning_rate, 1e-6, 100)
        _number("learning_rate_end", self.learning_rate_end, 0, 1)
        _number("regularizer", self.regularizer, 0, 1000)
        _number("regularizer_decay", self.regularizer_decay, 0, 1)
        _number("smoothness", self.smoothness, 0, 1000)
        _number("start_noise", self.start_noise, 0, MAX_START_NOISE)
        _one_of("quantization", self.quantization, get_args(Quantization))
        _one_of("start", self.start, get_args(Start))
        if self.init_image is not None:
            check_picture("init_image", self.init_image)
        pictures = sum(each is not None for each in (self.init_image, self.edit))
        if pictures != (self.start == "image"):
            raise RecipeError(
                'start "image" needs one picture, an initial image or that of an edit, and other '
                "starts none"
            )
        if self.start_noise > 0 and self.start != "image":
            raise RecipeError("start_noise needs a picture to start from, or must be 0")
        if self.start != "codes" and self.quantization == "codebook-sampling":
            raise RecipeError(
                f'codebook sampling has no latent to encode a picture into: start must be "codes", '
                f'not "{self.start}"'
            )

    @property
    def rounds(self) -> tuple[int, ...]:
        """Iterations of every round, from the first."""
        return self.steps, *self.more

    @property
    def total_steps(self) -> int:
        """Iterations of all rounds, the length of the run."""
        return sum(self.rounds)

    def to_json(self) -> str:
        """The recipe as one JSON object, keys in the order of the fields."""
        values = {"version": VERSION} | asdict(self)
        return json.dumps(values, ensure_ascii=False, allow_nan=False, default=_encode_base64)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read `to_json`'s output back; what is unknown, missing or newer is a `RecipeError`."""
        values = _parse(text)
        if not isinstance(values, dict):
            raise RecipeError("the recipe must be a JSON object")
        _check_version(values.pop("version", None))
        return cls._from_values(values)

    @classmethod
    def _from_values(cls, values: dict[str, Any]) -> Self:
        prompts = values.get("prompts")
        if not isinstance(prompts, list):
            raise RecipeError("the recipe's prompts must be a list")
        values["prompts"] = tuple(_build(Prompt, prompt, "prompt") for prompt in prompts)
        values["augmentations"] = _build(
            Augmentations, values.get("augmentations"), "augmentations"
        )
        if isinstance(values.get("more"), list):
            values["more"] = tuple(values["more"])
        _decode(values, "init_image")
        values["image_prompts"] = _image_prompts(values.get("image_prompts", []))
        if values.get("edit") is not None:
            values["edit"] = _build(Edit, _decoded(values["edit"], "source", "mask"), "edit")
        return _build(cls, values, "recipe")


def _parse(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecipeError:
        raise
    except (ValueError, RecursionError) as error:
        raise RecipeError("the recipe is not valid JSON") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys differ: of two equal ones, readers do not agree which counts."""
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise RecipeError(f"the recipe holds the key {brief(twice)} twice")
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check_version(version: object) -> None:
    if type(version) is int and version > VERSION:
        raise RecipeError(
            f"the recipe has version {brief(version)}, newer than {VERSION}, the newest that this "
            "program reads: update the program"
        )
    if type(version) is not int or not 1 <= version <= VERSION:
        raise RecipeError(f"the recipe's version must be from 1 to {VERSION}, not {brief(version)}")


@cache
def _field_names(kind: type) -> tuple[frozenset[str], tuple[str, ...]]:
    """The fields of a dataclass, and those of them without a default; a start reads thousands."""
    every = fields(kind)
    return frozenset(f.name for f in every), tuple(f.name for f in every if f.default is MISSING)


def _build(kind: type, values: object, name: str) -> Any:
    """Make the dataclass `kind` from a JSON object that names its fields and no others."""
    if not isinstance(values, dict):
        raise RecipeError(f"the {name} must be a JSON object")
    known, needed = _field_names(kind)
    unknown = sorted(values.keys() - known)
    if unknown:
        raise RecipeError(f"the {name} holds unknown keys: {', '.join(map(brief, unknown[:5]))}")
    missing = [each for each in needed if each not in values]
    if missing:
        raise RecipeError(f"the {name} lacks the keys {', '.join(map(repr, missing))}")
    return kind(**values)


def _image_prompts(values: object) -> tuple[ImagePrompt, ...]:
    if not isinstance(values, list):
        raise RecipeError("the recipe's image prompts must be a list")
    decoded = (_decoded(value, "picture") for value in values)
    return tuple(_build(ImagePrompt, each, "image prompt") for each in decoded)


def _decoded(values: object, *names: str) -> object:
    """A JSON object with the bytes that some of its strings stand for."""
    if not isinstance(values, dict):
        return values
    values = dict(values)
    for name in names:
        _decode(values, name)
    return values


def _decode(values: dict[str, Any], name: str) -> None:
    if values.get(name) is None:
        return
    try:
        values[name] = base64.b64decode(values[name], validate=True)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"the recipe's {name.replace('_', ' ')} must be base64") from error


def _encode_base64(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value)} has no place in a recipe")
    return base64.b64encode(value).decode()


def _check_image_prompts(image_prompts: object) -> None:
    fits = isinstance(image_prompts, tuple)
    if not fits or not all(isinstance(each, ImagePrompt) for each in image_prompts):
        raise RecipeError(
            f"image_prompts must be a tuple of ImagePrompt, not {brief(image_prompts)}"
        )
    if len(image_prompts) > MAX_PROMPTS or sum(len(p.picture) for p in image_prompts) > MAX_BYTES:
        raise RecipeError(
            f"image prompts are at most {MAX_PROMPTS}, of {MAX_BYTES // 2**20} MiB together"
        )


def _check_more(more: object, steps: int) -> None:
    if not isinstance(more, tuple) or len(more) > MAX_MORE:
        raise RecipeError(f"more must be a tuple of at most {MAX_MORE} numbers, not {brief(more)}")
    for each in more:
        _whole("each round in more", each, 1, MAX_STEPS)
    if steps + sum(more) > MAX_STEPS:
        raise RecipeError(
            f"all rounds together have {steps + sum(more)} steps; at most {MAX_STEPS} are allowed"
        )


def _instance(name: str, value: object, kind: type | UnionType) -> None:
    if not isinstance(value, kind):
        raise RecipeError(f"{name} must be of the type {kind}, not {brief(value)}")


def _whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RecipeError(f"{name} must be a whole number from {low} to {high}, not {brief(value)}")


def _number(name: str, value: object, low: float, high: float) -> None:
    # Comparing also settles nan, infinity and whole numbers too big for a float.
    fits = isinstance(value, int | float) and low <= value <= high
    if isinstance(value, bool) or not fits:
        raise RecipeError(f"{name} must be a number from {low:g} to {high:g}, not {brief(value)}")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise RecipeError(f"{name} must be one of {', '.join(allowed)}, not {brief(value)}")
