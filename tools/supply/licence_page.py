"""The table in `docs/licences.md`: `make licences` writes it, the tests and releases read it."""

import re
from collections import defaultdict
from collections.abc import Iterable

from tools.supply.licences import (
    Licence,
    UnknownLicenceError,
    bundled_libraries,
    decisions,
    is_installed,
    is_permissive,
    licence_of,
    terms,
)
from tools.supply.locks import (
    DEVELOPMENT,
    ROOT,
    lock_of,
    packages,
    read_lock,
    requirement_files,
)

PAGE = ROOT / "docs" / "licences.md"

_BEGIN, _END = "<!-- begin: make licences -->\n", "<!-- end: make licences -->\n"
_LIBRARIES = """Some wheels bring compiled libraries of others. These are those of the wheels for
Linux on x86-64, with the licences of the projects that they are from. Wheels for other systems
bring similar ones.
"""
_HEAD = "| package | version | licence | needed for | note |\n|---|---|---|---|---|\n"
_ROW = re.compile(
    r"^\| (?:\[(?P<name>[\w.-]+)\]\((?P<page>[^)]+)\)|(?P<bare>[\w.-]+))"
    r" \| (?P<version>\S+) \| `(?P<expression>[^`]+)` \|",
    re.MULTILINE,
)
_LIBRARY_ROW = re.compile(r"^\| ([\w.-]+) \| `([^`]+)` \| (lib[^|]+) \|$", re.MULTILINE)


def main() -> None:
    """Write the tables anew."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(_BEGIN)
    known = {(each.name, each.version): each for each in read_page()}
    licences = []
    for package in packages().values():
        row = known.get((package.name, package.version))
        # What is not installed here, but for other systems, is fetched once for each version.
        if row is None or is_installed(package.name, package.version):
            row = licence_of(package)
        licences.append(row)
    tables = render(sorted(licences, key=lambda each: each.name))
    PAGE.write_text(f"{before}{_BEGIN}{tables}{_END}{rest.split(_END)[1]}", encoding="utf-8")


def read_page() -> list[Licence]:
    """Read the table of the page."""
    text = PAGE.read_text(encoding="utf-8").split(_BEGIN)[1].split(_END)[0]
    return [
        Licence(row["name"] or row["bare"], row["version"], row["expression"], row["page"] or "")
        for row in _ROW.finditer(text)
    ]


def read_libraries() -> dict[str, dict[str, str]]:
    """Read the licences of the libraries inside the wheels, by wheel and library."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for wheel, expression, names in _LIBRARY_ROW.findall(PAGE.read_text(encoding="utf-8")):
        found[wheel] |= dict.fromkeys(names.split(", "), expression)
    return found


def needed_for() -> dict[str, list[str]]:
    """Return, for each package, what needs it: `program`, an option, or `development`."""
    found: dict[str, list[str]] = defaultdict(list)
    # That of the development includes the others, so it comes last.
    for file in sorted(requirement_files(), key=lambda file: file.name == DEVELOPMENT):
        label = file.stem.removeprefix("requirements").removeprefix("-") or "program"
        for each in read_lock(lock_of(file)):
            if file.name == DEVELOPMENT:
                found[each.name] = found[each.name] or ["development"]
            elif found[each.name] != ["program"]:
                found[each.name].append(label)
    return found


def note_on(licence: Licence) -> str:
    """Say what a licence that is not permissive means, and what else a package brings.

    Raises `UnknownLicenceError` if `licences.toml` does not say what it means.
    """
    notes = []
    if not is_permissive(licence.expression):
        meanings = [decisions()["meaning"].get(term) for term in sorted(terms(licence.expression))]
        notes += filter(None, meanings)
        if not notes:
            raise UnknownLicenceError(f"{licence.name}: what does {licence.expression} mean?")
    notes += filter(None, [decisions()["notes"].get(licence.name)])
    return "; ".join(notes)


def render(licences: Iterable[Licence]) -> str:
    """Return the table of packages and the table of the libraries that they bring."""
    reasons = needed_for()
    rows, libraries = "", ""
    for each in licences:
        name = f"[{each.name}]({each.page})" if each.page else each.name
        note = note_on(each)
        reason = ", ".join(reasons[each.name])
        rows += f"| {name} | {each.version} | `{each.expression}` | {reason} | {note} |\n"
        by_licence: dict[str, list[str]] = defaultdict(list)
        for library, expression in bundled_libraries(each.name).items():
            by_licence[expression].append(library)
        for expression, names in sorted(by_licence.items()):
            libraries += f"| {each.name} | `{expression}` | {', '.join(names)} |\n"
    head = "\n| wheel | licence | libraries |\n|---|---|---|\n"
    return f"\n{_HEAD}{rows}\n## Libraries inside the wheels\n\n{_LIBRARIES}{head}{libraries}\n"


if __name__ == "__main__":
    main()
