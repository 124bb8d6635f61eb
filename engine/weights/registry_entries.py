"""The entries of the registry: files, generators, perceptors, and the models made of them."""

import re
from collections.abc import Mapping
from reprlib import repr as brief
from typing import Annotated, Any, Self, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from engine.config_file import FilePath, Line, Name, Number, Table, Whole
from engine.recipes.checks import MAX_SIDE, MIN_SIDE
from engine.recipes.generator_kinds import KINDS, VQGAN
from engine.recipes.preset_values import PRESETS

OWN_SUFFIXES = (".part", ".origin", ".sha256", ".lock")
"""The endings of what the cache folder holds beside the files themselves."""
DEMO = "demo"
"""The models that come with the program; they are in no registry."""
MAX_BYTES = 2**44
MAX_MIRRORS, MAX_PERCEPTORS = 32, 8
MAX_MEMORY = 1e13
MAX_WEIGHT = 1000.0
MAX_FACTOR = 64
MAX_EXAMPLES, MAX_STYLES, MAX_WORDS = 8, 100, 100
"""Maximum number of examples and styles of models, and the length of each in characters."""

_NAME = r"[a-z0-9]([a-z0-9.-]{0,98}[a-z0-9])?"
_FILE = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,149}"


Words = Annotated[
    Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_WORDS)
]
"""An example or a style."""


def add_names(entries: Any) -> Any:
    """Check the names of entries, which are the keys of their table, and give each its own."""
    if not isinstance(entries, Mapping):
        raise ValueError(f"must be a table, not {brief(entries)}")
    named: dict[str, Any] = {}
    for name, entry in cast("Mapping[str, Any]", entries).items():
        if not re.fullmatch(_NAME, name):
            raise ValueError(
                f"{name!r} is no name: it must be of a to z, 0 to 9, dots and dashes, at most 100, "
                "and begin and end with a letter or digit"
            )
        if isinstance(entry, Mapping) and "name" in entry:
            raise ValueError(f"{name!r} has the key 'name': its name is that of its table")
        named[name] = {**entry, "name": name} if isinstance(entry, Mapping) else entry
    return named


def _check_file_name(name: str) -> str:
    if not re.fullmatch(_FILE, name) or name.endswith((".", *OWN_SUFFIXES)):
        raise ValueError(
            "must be a file's name without a folder, of letters, digits, dots, dashes and "
            f"underscores, that does not end in {' or '.join(OWN_SUFFIXES)}, not {name!r}"
        )
    return name


def _check_url(url: object) -> object:
    try:
        parts = urlsplit(url if isinstance(url, str) and re.fullmatch(r"[!-~]+", url) else "")
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        shown = re.sub(r"^.*@", "***@", url, flags=re.DOTALL) if isinstance(url, str) else url
        raise ValueError(f"must be an address that begins with http:// or https://, not {shown!r}")
    return url


def _check_sha256(value: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", value):
        raise ValueError(f"must be 64 hexadecimal digits, not {value!r}")
    return value


def _check_md5(value: str) -> str:
    if not re.fullmatch("[0-9a-f]{32}", value):
        raise ValueError(f"must be 32 hexadecimal digits, not {value!r}")
    return value


def _check_kind(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"must be one of {', '.join(KINDS)}, not {brief(name)}")
    return name


def _check_preset(name: str) -> str:
    if name not in PRESETS:
        raise ValueError(f"must be one of {', '.join(PRESETS)}, not {brief(name)}")
    return name


class Entry(Table):
    """A table of the registry whose key is the entry's name."""

    name: str = Field(exclude=True)


class WeightsFile(Entry):
    """One file of a published model. It has mirrors, or is a file of this machine."""

    file: Annotated[Line, AfterValidator(_check_file_name)] = Field(
        default_factory=lambda values: values["name"], validate_default=True
    )
    """Its name in the cache folder, never a path; by default the entry's name."""
    mirrors: tuple[Annotated[str, BeforeValidator(_check_url)], ...] = Field(
        default=(), min_length=1, max_length=MAX_MIRRORS, repr=False
    )
    """Addresses of the file, in the order in which they are tried; they may contain passwords."""
    path: FilePath | None = None
    """Path of a local file, which is never copied nor removed."""
    sha256: (
        Annotated[Line, StringConstraints(to_lower=True), AfterValidator(_check_sha256)] | None
    ) = None
    """The published SHA-256 as 64 hexadecimal digits; None if there is none."""
    md5: Annotated[Line, StringConstraints(to_lower=True), AfterValidator(_check_md5)] | None = None
    """The published MD5 as 32 hexadecimal digits, checked when the SHA-256 is not known yet."""
    bytes: Annotated[Whole, Field(ge=1, le=MAX_BYTES)] | None = None
    """The published length; None if there is none."""
    about: Annotated[Whole, Field(ge=1, le=MAX_BYTES)] | None = None
    """A length to expect if none was published, for estimates; it is never checked."""
    licence: Line = ""
    """A sentence about the licence, for the person who downloads the file."""

    @property
    def expected_bytes(self) -> int | None:
        """The length as far as it is known, perhaps not exactly."""
        return self.bytes or self.about

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if bool(self.mirrors) == (self.path is not None):
            raise ValueError("mirrors or path is needed, and not both")
        return self


class GeneratorMemory(Table):
    """Bytes that a generator takes in float32."""

    weights: Annotated[Number, Field(ge=0, le=MAX_MEMORY)]
    """Bytes of the weights."""
    per_pixel: Annotated[Number, Field(ge=0, le=MAX_MEMORY)]
    """Bytes for each painted pixel that the decoder keeps for the gradient."""
    lowered: Annotated[Number, Field(ge=0, le=MAX_MEMORY)] = 0.0
    """Bytes of those weights that take half of it in bfloat16: the decoder's."""


class PerceptorMemory(Table):
    """Bytes that a perceptor takes in float32."""

    weights: Annotated[Number, Field(ge=0, le=MAX_MEMORY)]
    """Bytes of the weights."""
    per_cutout: Annotated[Number, Field(ge=0, le=MAX_MEMORY)]
    """Bytes for each cutout that the image tower keeps for the gradient."""
    lowered: Annotated[Number, Field(ge=0, le=MAX_MEMORY)] = 0.0
    """Bytes of those weights that take half of it in bfloat16: the image tower's."""


class GeneratorEntry(Entry):
    """An image generator: its kind, and the files that this kind has."""

    description: Line = ""
    kind: Annotated[Line, AfterValidator(_check_kind)] = VQGAN
    """What it is, one of `engine.recipes.generator_kinds.KINDS`."""
    checkpoint: Name | None = None
    """Name of a file: the weights, or those of the decoder if there is an `encoder`."""
    config: Name | None = None
    """Name of a file of a VQGAN, YAML as taming-transformers writes it."""
    encoder: Name | None = None
    """Name of a file of a TAESD, the weights of the encoder."""
    factor: Annotated[Whole, Field(ge=1, le=MAX_FACTOR)]
    """Pixels per latent cell along each axis."""
    memory: GeneratorMemory | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return tuple(self.parts.values())

    @property
    def parts(self) -> dict[str, str]:
        """The names of its files by their keys."""
        parts = {"checkpoint": self.checkpoint, "config": self.config, "encoder": self.encoder}
        return {key: name for key, name in parts.items() if name is not None}

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        needed = KINDS[self.kind].parts
        if tuple(self.parts) != needed:
            raise ValueError(
                f"a {self.kind} has the files {' and '.join(needed)}, not "
                f"{' and '.join(self.parts) or 'none'}"
            )
        return self


class PerceptorEntry(Entry):
    """A perceptor: a checkpoint and the open_clip architecture that it fits."""

    description: Line = ""
    open_clip: Name
    """Name of the architecture, with `-quickgelu` if the weights were trained with it."""
    checkpoint: Name
    """Name of a file."""
    tokenizer: Name | None = None
    """Name of a file, `tokenizer.json`, for architectures whose tokenizer open_clip lacks."""
    memory: PerceptorMemory | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return (self.checkpoint,) if self.tokenizer is None else (self.checkpoint, self.tokenizer)


class WeightedPerceptor(Table):
    """A perceptor of a pair of models, and how much it counts."""

    name: Name
    weight: Annotated[Number, Field(ge=0, le=MAX_WEIGHT)] = 1.0


def _check_perceptors(perceptors: tuple[WeightedPerceptor, ...]) -> tuple[WeightedPerceptor, ...]:
    if not any(each.weight for each in perceptors):
        raise ValueError("must not all have the weight 0")
    if len({each.name for each in perceptors}) < len(perceptors):
        raise ValueError("must not name the same one twice")
    return perceptors


class ModelsEntry(Entry):
    """A generator and the perceptors that steer it, under the name that recipes use."""

    description: Line = ""
    """One line: what they are."""
    limits: Line = ""
    """One line: what they do not know."""
    generator: Name
    perceptors: Annotated[
        tuple[WeightedPerceptor, ...],
        Field(min_length=1, max_length=MAX_PERCEPTORS),
        AfterValidator(_check_perceptors),
    ]
    judge: Name | None = None
    """Name of a perceptor that guides no picture, and ranks finished ones when someone asks."""
    side: Annotated[Whole, Field(ge=MIN_SIDE, le=MAX_SIDE)]
    """Default width and height in pixels."""
    preset: Annotated[Line, AfterValidator(_check_preset)] = "paper"
    """Name of the preset that suits them."""
    examples: tuple[Words, ...] = Field(default=(), max_length=MAX_EXAMPLES)
    """Prompts worth trying first; those of most models if empty."""
    styles: tuple[Words, ...] = Field(default=(), max_length=MAX_STYLES)
    """Styles that they know, for people to choose from; those of most models if empty."""

    @property
    def components(self) -> tuple[str, ...]:
        """The names of the generator, the perceptors and the judge."""
        judges = () if self.judge is None else (self.judge,)
        return self.generator, *(each.name for each in self.perceptors), *judges

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if self.name == DEMO:
            raise ValueError(f"{DEMO!r} is the demo pair, choose another name")
        return self

    @model_validator(mode="after")
    def _check_judge(self) -> Self:
        if self.judge in [each.name for each in self.perceptors]:
            raise ValueError(
                f"the judge {self.judge!r} is one of the perceptors, which guide: a judge takes no "
                "part, so name another one or leave it out"
            )
        return self
