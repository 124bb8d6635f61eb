"""Entries of the registry for other painters than VQGAN-CLIP: their files by what these hold."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from reprlib import repr as brief
from typing import Annotated, Any, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from engine.config_file import Line, Name, Switch
from engine.recipes.plain_recipe import PainterKind
from engine.weights.registry_entries import MAX_EXAMPLES, Entry, Words

RESERVED = ("demo", "demo-glide", "demo-mindalle", "demo-open-edit")
"""The names of models that come with the program; they are in no registry."""

SOURCES: Mapping[PainterKind, tuple[str, ...]] = {
    "glide": ("base", "upsampler", "vocabulary", "merges"),
    "mindalle": ("config", "decoder", "transformer", "vocabulary", "merges"),
    "open-edit": ("decoder", "embedding", "vocabulary", "edges", "perceptual"),
}
"""What the published files of each method hold, all of which are needed."""
OPTIONAL: Mapping[PainterKind, tuple[str, ...]] = {
    "glide": ("clip-image", "clip-text"),
    "mindalle": (),
    "open-edit": (),
}
"""What only some models of a method have, all of it or none."""
_RESULTS: Mapping[PainterKind, Mapping[str, str]] = {
    "glide": dict.fromkeys(("base", "upsampler", "clip-image", "clip-text"), "safetensors"),
    "mindalle": {"decoder": "safetensors", "transformer": "safetensors", "tokenizer": "json"},
    "open-edit": {
        **dict.fromkeys(("embedding", "edges", "decoder", "perceptual"), "safetensors"),
        "vocabulary": "json",
    },
}
"""What is made of the published files, and the ending of its name."""
_AS_PUBLISHED: Mapping[PainterKind, tuple[str, ...]] = {
    "glide": ("vocabulary", "merges"),
    "mindalle": (),
    "open-edit": (),
}
"""What is read from the published files themselves."""

_MAX_MEMBER = 200
_MEMBER = r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*"


def _check_member(name: str) -> str:
    if not re.fullmatch(_MEMBER, name) or len(name) > _MAX_MEMBER:
        raise ValueError(f"must be the path of a file in the archive, not {brief(name)}")
    return name


def _check_mapping(values: Any) -> Any:
    if not isinstance(values, Mapping):
        raise ValueError(f"must be a table, not {brief(values)}")
    return cast("Mapping[str, Any]", values)


Member = Annotated[Line, AfterValidator(_check_member)]
"""The path of a file in an archive."""


class PainterTable(Entry):
    """Models of another painter: what their published files hold, by the method's own words."""

    kind: PainterKind
    """The method."""
    description: Line = ""
    """One line: what they are."""
    limits: Line = ""
    """One line: what they cannot do, or may not be used for."""
    files: Annotated[Mapping[str, Name], BeforeValidator(_check_mapping)] = {}
    """Names of files by what they hold."""
    archive: Name | None = None
    """Name of a file, a `.tar.gz` with files inside."""
    members: Annotated[Mapping[str, Member], BeforeValidator(_check_mapping)] = {}
    """Paths in the archive by what these files hold."""
    perceptor: Name | None = None
    """Name of the perceptor that ranks candidates; only minDALL-E has one."""
    inpainting: Switch = False
    """Whether the models can paint within a mask; only some of GLIDE can."""
    examples: tuple[Words, ...] = Field(default=(), max_length=MAX_EXAMPLES)
    """Prompts worth trying first; those of most models if empty."""

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names of its files, the archive included, without the perceptor's."""
        archive = () if self.archive is None else (self.archive,)
        return (*archive, *dict.fromkeys(self.files.values()))

    @property
    def components(self) -> tuple[str, ...]:
        """Its own name, whose folder holds the weights, and the perceptor's."""
        return (self.name,) if self.perceptor is None else (self.name, self.perceptor)

    def weights(self, folder: Path) -> dict[str, Path]:
        """Return the paths of what is made of the files, by what it holds."""
        absent = {each for each in OPTIONAL[self.kind] if each not in self.files}
        return {
            role: folder / self.name / f"{self.name}-{role}.{ending}"
            for role, ending in _RESULTS[self.kind].items()
            if role not in absent
        }

    @property
    def used_files(self) -> dict[str, str]:
        """The names of files that are read as they were published, by what they hold."""
        return {role: self.files[role] for role in _AS_PUBLISHED[self.kind]}

    def is_made(self, folder: Path) -> bool:
        """Return True if everything that is made of the files is there."""
        return all(path.is_file() for path in self.weights(folder).values())

    def member_file(self, role: str) -> str:
        """Return the name of a member once it is unpacked: what it holds, and its own ending."""
        return role + PurePosixPath(self.members[role]).suffix

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        if self.name in RESERVED:
            raise ValueError(f"{self.name!r} are models of this program, choose another name")
        needed, optional = SOURCES[self.kind], OPTIONAL[self.kind]
        given = [*self.files, *self.members]
        if len(set(given)) < len(given):
            raise ValueError("files and members must not hold the same")
        unknown = [each for each in given if each not in (*needed, *optional)]
        if unknown:
            raise ValueError(
                f"{unknown[0]!r} is nothing that {self.kind} has; there are: "
                f"{', '.join((*needed, *optional))}"
            )
        some = any(each in given for each in optional)
        missing = [each for each in (*needed, *(optional if some else ())) if each not in given]
        if missing:
            raise ValueError(f"{missing[0]} is missing, in files or in members")
        if bool(self.members) != (self.archive is not None):
            raise ValueError("archive and members are needed together")
        if self.members and self.kind != "mindalle":
            raise ValueError("an archive is for mindalle only")
        if (self.perceptor is not None) != (self.kind == "mindalle"):
            raise ValueError("perceptor is needed for mindalle, and for nothing else")
        if self.inpainting and self.kind != "glide":
            raise ValueError("inpainting is for glide only")
        return self
