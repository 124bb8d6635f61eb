"""The registry: which models there are and of which files they are made.

`registry.toml` beside this file lists the published ones. `config.toml` adds a person's own with
the same keys; nothing in them is trusted.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator

from engine.config_file import Table
from engine.errors import WeightsError, suggestion
from engine.weights.painter_tables import PainterTable
from engine.weights.registry_entries import (
    GeneratorEntry,
    ModelsEntry,
    PerceptorEntry,
    WeightsFile,
    add_names,
)

_SHIPPED = Path(__file__).with_name("registry.toml")


class RegistryTables(Table):
    """The tables of entries, by their names."""

    files: Annotated[Mapping[str, WeightsFile], BeforeValidator(add_names)] = {}
    generators: Annotated[Mapping[str, GeneratorEntry], BeforeValidator(add_names)] = {}
    perceptors: Annotated[Mapping[str, PerceptorEntry], BeforeValidator(add_names)] = {}
    models: Annotated[Mapping[str, ModelsEntry], BeforeValidator(add_names)] = {}
    painters: Annotated[Mapping[str, PainterTable], BeforeValidator(add_names)] = {}


class Registry(RegistryTables):
    """All entries. No two have the same name, not even in different tables."""

    def merged(self, other: RegistryTables) -> Self:
        """Return the entries of both; those of `other` replace others of the same name."""
        tables = {
            kind: {**getattr(self, kind), **getattr(other, kind)}
            for kind in RegistryTables.model_fields
        }
        return self.model_copy(update=tables)

    def components_of(self, name: str) -> tuple[str, ...]:
        """Return the names of what has a folder of weights of `name`; none for a file."""
        if whole := self.models.get(name) or self.painters.get(name):
            return whole.components
        return (name,) if name in self.generators or name in self.perceptors else ()

    def files_of(self, name: str) -> tuple[WeightsFile, ...]:
        """Return the files of models, of one component, or the file called `name`.

        Raises `WeightsError`, which lists the names there are.
        """
        if name in self.files:
            return (self.files[name],)
        components = self.components_of(name)
        if not components:
            known = (*self.models, *self.painters, *self.generators, *self.perceptors)
            raise WeightsError(
                f"there are no weights called {name!r}; there are: {', '.join(known)}, and the "
                f"files that `python -m engine weights list` shows{suggestion(name, known)}"
            )
        names = chain.from_iterable(map(self._file_names, components))
        return tuple(self.files[each] for each in dict.fromkeys(names))

    def needed_files(self, name: str, folder: Path) -> tuple[WeightsFile, ...]:
        """Return `files_of(name)` without an archive whose content was unpacked into `folder`."""
        painter = self.painters.get(name)
        is_made = painter is not None and painter.is_made(folder)
        done = painter.archive if painter is not None and is_made else None
        return tuple(each for each in self.files_of(name) if each.name != done)

    def _file_names(self, component: str) -> tuple[str, ...]:
        if component in self.painters:
            return self.painters[component].file_names
        return (self.generators.get(component) or self.perceptors[component]).files

    def check(self) -> None:
        """Raise `ValueError` if entries refer to missing ones, or two share a name."""
        for where, name, known in self._references():
            if name not in known:
                nearest = " or ".join(map(repr, get_close_matches(name, known, 3, 0.0)))
                raise ValueError(f"{where} names {name!r}, which is not there; is it {nearest}?")
        self._check_names()

    def _references(self) -> Iterator[tuple[str, str, Iterable[str]]]:
        """Yield each reference: its key, the name it holds, and the names that are allowed."""
        for name, generator in self.generators.items():
            for key, file in generator.parts.items():
                yield f"generators.{name}.{key}", file, self.files
        for name, perceptor in self.perceptors.items():
            yield f"perceptors.{name}.checkpoint", perceptor.checkpoint, self.files
            if perceptor.tokenizer is not None:
                yield f"perceptors.{name}.tokenizer", perceptor.tokenizer, self.files
        for name, models in self.models.items():
            yield f"models.{name}.generator", models.generator, self.generators
            for each in models.perceptors:
                yield f"models.{name}.perceptors", each.name, self.perceptors
            if models.judge is not None:
                yield f"models.{name}.judge", models.judge, self.perceptors
        for name, painter in self.painters.items():
            for each in painter.file_names:
                yield f"painters.{name}.files", each, self.files
            if painter.perceptor is not None:
                yield f"painters.{name}.perceptor", painter.perceptor, self.perceptors

    def _check_names(self) -> None:
        """Check that nothing collides in the cache folder, which holds files and components."""
        taken: dict[str, str] = {}
        tables = (self.models, self.painters, self.generators, self.perceptors, self.files)
        for name in chain.from_iterable(tables):
            if name in taken:
                raise ValueError(f"there are two entries called {name!r}: rename one of them")
            taken[name] = name
        for name, entry in self.files.items():
            if taken.setdefault(entry.file.lower(), name) != name:
                raise ValueError(
                    f"files.{name}.file {entry.file!r} is the name of another entry or of its "
                    "file: choose another"
                )


def shipped_registry() -> Registry:
    """Read the published models that this program knows."""
    return Registry.model_validate(tomllib.loads(_SHIPPED.read_text(encoding="utf-8")))
