"""What the registry knows: files, generators, perceptors, and the models made of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

from engine.errors import WeightsError


@dataclass(frozen=True)
class WeightsFile:
    """One file of a published model. It has mirrors, or is a file of this machine."""

    name: str
    file: str
    """Its name on disk, in the cache folder; never a path."""
    mirrors: tuple[str, ...] = ()
    """Addresses where it is offered, in the order in which they are tried; none for a local one."""
    path: Path | None = None
    """Where it lies, for a file that is never copied nor removed."""
    sha256: str | None = None
    """64 hexadecimal digits; None where its publisher names none."""
    bytes: int | None = None
    """Its length; None where it is not known."""
    licence: str = ""
    """A sentence for whoever fetches it."""


@dataclass(frozen=True)
class GeneratorMemory:
    """What a generator takes in float32, in bytes."""

    weights: float
    per_pixel: float
    """For each pixel painted: what the decoder keeps for the gradient."""
    lowered: float = 0.0
    """Of the weights: those that take half of it in bfloat16, the decoder's."""


@dataclass(frozen=True)
class PerceptorMemory:
    """What a perceptor takes in float32, in bytes."""

    weights: float
    per_cutout: float
    """For each cutout: what the image tower keeps for the gradient."""
    lowered: float = 0.0
    """Of the weights: those that take half of it in bfloat16, the image tower's."""


@dataclass(frozen=True)
class GeneratorEntry:
    """An image generator: a checkpoint and its configuration."""

    name: str
    description: str
    checkpoint: str
    """Name of a file."""
    config: str
    """Name of a file, YAML as taming-transformers writes it."""
    factor: int
    """Pixels per latent cell along each axis."""
    memory: GeneratorMemory | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return self.checkpoint, self.config


@dataclass(frozen=True)
class PerceptorEntry:
    """A perceptor: a checkpoint and the open_clip architecture that it fits."""

    name: str
    description: str
    open_clip: str
    """Name of the architecture, with `-quickgelu` where the weights were trained so."""
    checkpoint: str
    """Name of a file."""
    tokenizer: str | None = None
    """Name of a file, `tokenizer.json`, where open_clip does not bring its own along."""
    memory: PerceptorMemory | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return (self.checkpoint,) if self.tokenizer is None else (self.checkpoint, self.tokenizer)


@dataclass(frozen=True)
class WeightedPerceptor:
    """One of several perceptors that look at a picture, and how much it counts."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True)
class ModelsEntry:
    """A generator and the perceptors that steer it, under the name that recipes use."""

    name: str
    description: str
    """One line: what they are."""
    limits: str
    """One line: what they do not know."""
    generator: str
    perceptors: tuple[WeightedPerceptor, ...]
    side: int
    """Default width and height in pixels."""
    preset: str
    """Name of the preset that suits them."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the generator and the perceptors."""
        return self.generator, *(each.name for each in self.perceptors)


@dataclass(frozen=True)
class Registry:
    """All entries by their names, which are different from each other whatever they name."""

    files: Mapping[str, WeightsFile] = field(default_factory=dict)
    generators: Mapping[str, GeneratorEntry] = field(default_factory=dict)
    perceptors: Mapping[str, PerceptorEntry] = field(default_factory=dict)
    models: Mapping[str, ModelsEntry] = field(default_factory=dict)

    def merged(self, other: Self) -> "Registry":
        """The entries of both, where those of `other` take the place of the same name."""
        tables = {
            each.name: {**getattr(self, each.name), **getattr(other, each.name)}
            for each in fields(self)
        }
        return Registry(**tables)

    def parts_of(self, name: str) -> tuple[str, ...]:
        """The generators and perceptors that `name` stands for, by name; none for a file."""
        if name in self.models:
            return self.models[name].parts
        return (name,) if name in self.generators or name in self.perceptors else ()

    def files_of(self, name: str) -> tuple[WeightsFile, ...]:
        """The files of models, a generator or a perceptor, or the file called `name`.

        Raises `WeightsError` naming what there is.
        """
        if name in self.files:
            return (self.files[name],)
        parts = self.parts_of(name)
        if not parts:
            known = ", ".join((*self.models, *self.generators, *self.perceptors))
            raise WeightsError(
                f"there are no weights called {name!r}; there are: {known}, and the files that "
                "`python -m engine weights list` shows"
            )
        return tuple(self.files[each] for each in _once(map(self._files_of_part, parts)))

    def _files_of_part(self, name: str) -> tuple[str, ...]:
        part = self.generators.get(name) or self.perceptors[name]
        return part.files


def _once(groups: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group))
