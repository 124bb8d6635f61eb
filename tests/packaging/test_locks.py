"""The locks in `locks/`: complete, in agreement, and with the hash of every file."""

import re
import tomllib
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.supply.locks import (
    LOCKS,
    ROOT,
    Locked,
    lock_of,
    pins,
    read_lock,
    requirement_files,
)

FILES = requirement_files()
RENEW = "run `make lock`, and commit what it writes"

each_file = pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])


@each_file
def test_each_file_of_requirements_has_a_lock_with_its_versions(file: Path):
    assert lock_of(file).exists(), RENEW
    locked = {each.name: each for each in read_lock(lock_of(file))}
    wanted = pins(file)
    for name, exact in wanted.items():
        assert name in locked, f"{name}: {RENEW}"
        assert locked[name].version == exact, f"{name}: {RENEW}"
    named = {
        name for name, each in locked.items() if any(by.startswith("-r ") for by in each.wanted_by)
    }
    assert named == wanted.keys(), RENEW


def test_there_is_no_lock_without_its_requirements():
    assert {path.name for path in LOCKS.iterdir()} == {file.name for file in FILES}, RENEW


def test_locks_agree_about_each_package():
    found: dict[str, set[tuple[str, tuple[str, ...]]]] = defaultdict(set)
    for file in FILES:
        for each in read_lock(lock_of(file)):
            found[each.name].add((each.version, each.hashes))
    assert not [name for name, versions in found.items() if len(versions) > 1], RENEW


@each_file
def test_locks_name_no_server_and_only_how_they_are_written(file: Path):
    text = lock_of(file).read_text()
    assert "://" not in text
    assert not re.search(r"index|find-links|trusted-host", text.split("\n\n")[0].splitlines()[1])
    for line in text.splitlines():
        assert re.match(r"#|    (--hash=sha256:|#)|[a-z0-9]", line), line
    relative = lock_of(file).relative_to(ROOT).as_posix()
    assert f"#    uv pip compile {file.name} -o {relative}\n" in text


@each_file
def test_locks_hold_all_that_the_installed_packages_require(file: Path):
    """What is installed here and has the locked version is asked what it requires itself."""
    locked = {each.name: each for each in read_lock(lock_of(file))}
    extras = extras_in(file)
    asked = 0
    for name, each in locked.items():
        try:
            installed = version(name) == each.version
        except PackageNotFoundError:  # for another system or Python
            continue
        asked += installed
        for text in (requires(name) or []) if installed else []:
            check(Requirement(text), locked, {"", *extras[name]})
    assert asked > len(locked) // 2


def check(requirement: Requirement, locked: dict[str, Locked], extras: set[str]) -> None:
    marker = requirement.marker
    if marker and not any(marker.evaluate({"extra": extra}) for extra in extras):
        return
    name = canonicalize_name(requirement.name)
    assert name in locked, f"{requirement}: {RENEW}"
    assert requirement.specifier.contains(locked[name].version, prereleases=True), requirement


def extras_in(file: Path) -> dict[str, set[str]]:
    """Return the extras that a file of requirements asks for."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in [file.name, *re.findall(r"^-r (\S+)", file.read_text(), re.MULTILINE)]:
        for package, extras in re.findall(
            r"^([\w.-]+)\[([\w,-]+)\]==", (ROOT / name).read_text(), re.MULTILINE
        ):
            found[canonicalize_name(package)].update(extras.split(","))
    return found


def test_torch_is_locked_for_each_system():
    """CUDA's libraries belong to Linux; nothing of them is asked for elsewhere."""
    locked = {each.name: each for each in read_lock(lock_of(ROOT / "requirements.txt"))}
    assert locked["torch"].marker is None
    cuda = [each for name, each in locked.items() if name.startswith(("nvidia-", "triton"))]
    assert cuda
    assert all("sys_platform == 'linux'" in (each.marker or "").replace('"', "'") for each in cuda)


def test_everything_is_installed_from_the_locks():
    makefile, dockerfile = (ROOT / "Makefile").read_text(), (ROOT / "Dockerfile").read_text()
    for text in (makefile, dockerfile):
        assert "--require-hashes" in text
        assert not re.search(r"-r (?!locks/)requirements", text)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["dynamic"]
    for each in extras["optional-dependencies"].values():
        assert f"locks/{each['file']}" in dockerfile
