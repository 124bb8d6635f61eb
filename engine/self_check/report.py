"""The results of a check in words, and as a block to paste into an issue."""

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

from engine import __version__
from engine.self_check.results import VERSION, PartResult
from engine.text import Text, commas

_LIBRARIES = ("torch", "open_clip_torch", "timm", "numpy", "Pillow")


def verdict(results: Iterable[PartResult]) -> Text:
    """Return what the checks of all parts of some models found, as a sentence without its end."""
    wrong = [each for each in results if not each.is_right]
    if not wrong:
        return Text("they answer as they should")
    return commas(
        Text("{name}: {cause}", name=each.name, cause=each.causes[0].text) for each in wrong
    )


def describe(result: PartResult) -> str:
    """Return the result of one part and its figures, on a few lines."""
    lines = [f"{result.name} ({result.kind}): {'right' if result.is_right else 'not right'}"]
    lines += [f"  likely  {each.text}" for each in result.causes]
    lines += [f"  {name:<24} {value:g}" for name, value in result.figures.items()]
    return "\n".join(lines)


def report(results: Iterable[PartResult], machine: str) -> str:
    """Return a block of Markdown for an issue: no paths, and nothing about a person.

    `machine` is the result of `engine.self_check.records.machine_name`.
    """
    return "\n".join(("```", *_report_lines(results, machine), "```"))


def _report_lines(results: Iterable[PartResult], machine: str) -> Iterator[str]:
    yield f"program {__version__}, checks {VERSION}"
    yield f"Python {platform.python_version()}, {platform.system()}, {platform.machine()}"
    yield ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
    yield f"machine {machine}"
    for result in results:
        yield ""
        yield f"{result.kind} {result.name}: {', '.join(result.causes) or 'right'}"
        yield f"sha256 {result.digest}"
        yield " ".join(f"{name}={value:g}" for name, value in result.figures.items())
        if result.answers:
            yield f"answers {' '.join(f'{value:g}' for value in result.answers)}"


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "missing"
