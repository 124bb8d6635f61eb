"""Read requirements and their locks.

`requirements*.txt` name what the program needs itself, each with an exact version. The lock of the
same name in `locks/` adds what those packages need in turn, and the SHA-256 of every file that may
be installed. `make lock` writes the locks (`tools.supply.renew`).
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "locks"
DEVELOPMENT = "requirements-dev.txt"
"""What only tests, checks and releases need; it includes all other files."""
DOCUMENTATION = "requirements-docs.txt"
PROGRAM = "requirements.txt"

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")


@dataclass(frozen=True, slots=True)
class Locked:
    """One package in a lock."""

    name: str
    version: str
    marker: str | None
    """Where it is installed, as an environment marker; None means everywhere."""
    hashes: tuple[str, ...]
    """The SHA-256 of each of its files, in hexadecimal."""
    wanted_by: frozenset[str]
    """The normalized names of the packages that need it, and `-r FILE` for a file that names it."""


def requirement_files() -> list[Path]:
    """Return all `requirements*.txt`, that of the program first."""
    files = sorted(ROOT.glob("requirements*.txt"))
    return sorted(files, key=lambda file: file.name != PROGRAM)


def lock_of(requirements: Path) -> Path:
    """Return the path of the lock of a file of requirements."""
    return LOCKS / requirements.name


def pins(file: Path) -> dict[str, str]:
    """Read the exact versions that a file names, and the files that it includes.

    Raises `ValueError` if a version is not exact.
    """
    found: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found |= pins(file.parent / text.removeprefix("-r ").strip())
        elif text:
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            found[name] = _exact_version(requirement)
    return found


def read_lock(file: Path) -> list[Locked]:
    """Read a lock that uv has written.

    Raises `ValueError` if a version is not exact, or a package has no hash.
    """
    blocks: list[list[str]] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            blocks[-1].append(line.strip())
        elif line and not line.startswith("#"):
            blocks.append([line])
    return [_locked(block) for block in blocks]


def packages(*, without: tuple[str, ...] = ()) -> dict[str, Locked]:
    """Return the packages of all locks, which agree about them, but those of the files named."""
    found: dict[str, Locked] = {}
    for file in requirement_files():
        for each in read_lock(lock_of(file)) if file.name not in without else ():
            known = found.setdefault(each.name, each)
            found[each.name] = replace(known, wanted_by=known.wanted_by | each.wanted_by)
    return found


def _locked(block: list[str]) -> Locked:
    requirement = Requirement(block[0].removesuffix("\\").strip())
    text = "\n".join(block)
    hashes = tuple(_HASH.findall(text))
    if not hashes:
        raise ValueError(f"no hash in the lock: {requirement.name}")
    comments = [line.lstrip("# ").removeprefix("via").strip() for line in block if line[0] == "#"]
    return Locked(
        name=canonicalize_name(requirement.name),
        version=_exact_version(requirement),
        marker=str(requirement.marker) if requirement.marker else None,
        hashes=hashes,
        wanted_by=frozenset(comment for comment in comments if comment),
    )


def _exact_version(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    if specifier.operator != "==" or "*" in specifier.version:
        raise ValueError(f"not an exact version: {requirement}")
    return specifier.version
