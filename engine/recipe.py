"""A recipe: everything that determines a picture, as a value.

The same recipe on the same models and device gives the same bytes. A recipe is frozen, checked
when it is made, and readable from and writable to JSON; it travels inside every PNG that the
engine saves. No torch in here.
"""

import base64
import json
from collections import Counter
from dataclasses import MISSING, asdict, dataclass, field, fields
from reprlib import repr as brief
from types import UnionType
from typing import Any, Literal, Self, get_args

from engine.augmentations import Augmentations
from engine.errors import RecipeError
from engine.prompts import Prompt, check_prompts

VERSION = 1
"""Version of the JSON form; a reader refuses newer ones."""

MIN_SIDE, MAX_SIDE = 16, 4096
MAX_STEPS = 100_000
MAX_SEED = 2**63 - 1
MAX_CUTOUTS = 1024
MAX_ENLARGE = 16
MAX_INIT_BYTES = 11 * 2**20
"""Of an initial image's file, so that a recipe fits into a PNG's text (`engine.png`) as base64."""

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
    """Iterations of the optimiser."""
    seed: int
    """Where all randomness of the run comes from."""
    learning_rate: float
    """Adam's step size on the latent at the beginning."""
    learning_rate_end: float
    """Share of the learning rate that is left at the end, reached along half a cosine; 1 keeps it
    constant."""
    cutouts: int
    """Augmented views of the picture in every step."""
    augmentations: Augmentations
    """What may happen to a cutout (Section 2.3)."""
    regularizer: float
    """Weight of mean(z^2), the paper's alpha (Section 2.4)."""
    regularizer_decay: float
    """Share of the regulariser's weight that is lost in every step."""
    smoothness: float = 0.0
    """Weight of the picture's total variation, which rises from 0 over the last part of the run."""
    quantization: Quantization = "z-quantize"
    """How a latent meets the codebook: nearest entries, not at all, or sampled entries (5.1)."""
    start: Start = "codes"
    """Random codebook entries, encoded random pixels, or an encoded picture."""
    init_image: bytes | None = field(default=None, repr=False)
    """The picture to start from, a file's bytes at the canvas's size; only with start "image"."""
    enlarge: int = 1
    """How many times larger than painted the finished picture is shown."""

    def __post_init__(self) -> None:
        check_prompts(self.prompts)
        _instance("augmentations", self.augmentations, Augmentations)
        _instance("init_image", self.init_image, bytes | None)
        if not isinstance(self.models, str) or not self.models:
            raise RecipeError("models must be the name of a pair of models")
        _whole("width", self.width, MIN_SIDE, MAX_SIDE)
        _whole("height", self.height, MIN_SIDE, MAX_SIDE)
        _whole("steps", self.steps, 1, MAX_STEPS)
        _whole("seed", self.seed, 0, MAX_SEED)
        _whole("cutouts", self.cutouts, 1, MAX_CUTOUTS)
        _whole("enlarge", self.enlarge, 1, MAX_ENLARGE)
        _number("learning_rate", self.learning_rate, 1e-6, 100)
        _number("learning_rate_end", self.learning_rate_end, 0, 1)
        _number("regularizer", self.regularizer, 0, 1000)
        _number("regularizer_decay", self.regularizer_decay, 0, 1)
        _number("smoothness", self.smoothness, 0, 1000)
        _one_of("quantization", self.quantization, get_args(Quantization))
        _one_of("start", self.start, get_args(Start))
        if (self.start == "image") != (self.init_image is not None):
            raise RecipeError('an initial image and start "image" need each other')
        if self.init_image is not None and len(self.init_image) > MAX_INIT_BYTES:
            raise RecipeError(
                f"the initial image takes {len(self.init_image) / 2**20:.1f} MiB as a PNG file of "
                f"the picture's size; at most {MAX_INIT_BYTES // 2**20} MiB are allowed: "
                "choose a smaller size"
            )
        if self.start != "codes" and self.quantization == "codebook-sampling":
            raise RecipeError(
                f'codebook sampling has no latent to encode a picture into: start must be "codes", '
                f'not "{self.start}"'
            )

    def to_json(self) -> str:
        """The recipe as one JSON object, keys in the order of the fields."""
        values = {"version": VERSION} | asdict(self)
        if self.init_image is not None:
            values["init_image"] = base64.b64encode(self.init_image).decode()
        return json.dumps(values, ensure_ascii=False, allow_nan=False)

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
        if values.get("init_image") is not None:
            values["init_image"] = _decode_base64(values["init_image"])
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
    if type(version) is not int or version != VERSION:
        raise RecipeError(f"the recipe's version must be {VERSION}, not {brief(version)}")


def _build(kind: type, values: object, name: str) -> Any:
    """Make the dataclass `kind` from a JSON object that names its fields and no others."""
    if not isinstance(values, dict):
        raise RecipeError(f"the {name} must be a JSON object")
    unknown = sorted(set(values) - {f.name for f in fields(kind)})
    if unknown:
        raise RecipeError(f"the {name} holds unknown keys: {', '.join(map(brief, unknown[:5]))}")
    missing = [f.name for f in fields(kind) if f.default is MISSING and f.name not in values]
    if missing:
        raise RecipeError(f"the {name} lacks the keys {', '.join(map(repr, missing))}")
    return kind(**values)


def _decode_base64(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError) as error:
        raise RecipeError("the recipe's initial image must be base64") from error


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
