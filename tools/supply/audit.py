"""Ask whether the locked versions have known vulnerabilities: `make audit`.

pip-audit asks PyPI, then OSV. Where neither can be reached, pip-audit itself may end as if nothing
had been found; this program says that nothing was checked.

Exit status: 0 if nothing is known, or nobody could be asked; 1 if something is known that
`accepted.toml` does not accept; 3 if nobody could be asked and `--must-answer` is given.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.supply.locks import packages

FOUND, NOT_ASKED = 1, 3
ACCEPTED = Path(__file__).with_name("accepted.toml")
_SERVICES = (("--vulnerability-service", "pypi"), ("--vulnerability-service", "osv"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service knows about the packages."""

    checked: int
    """The number of packages that it knows; 0 if it could not be asked."""
    unknown: list[str]
    """The packages that it does not know, so that nothing is said about them."""
    found: list[str]
    """A line for each known vulnerability."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is known, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.supply.audit", description=__doc__)
    parser.add_argument("--must-answer", action="store_true", help="fail if nobody can be asked")
    known, options = parser.parse_known_args(arguments)
    for service in [options] if options else _SERVICES:
        answer = ask(service)
        if answer.checked:
            return _report(answer)
    print("NOT CHECKED: no service that knows vulnerabilities can be reached from here.")
    return NOT_ASKED if known.must_answer else 0


def ask(options: Sequence[str]) -> Answer:
    """Let pip-audit ask about each package of the locks, for whatever system it is."""
    ignored = [f"--ignore-vuln={identifier}" for identifier in _accepted()]
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        lines = [f"{each.name}=={each.version}\n" for each in packages().values()]
        listed.write_text("".join(lines), encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(listed)]
        command += ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
        ended = subprocess.run(
            [*command, *ignored, *options], capture_output=True, text=True, check=False
        )
    return read_report(ended.stdout)


def read_report(report: str) -> Answer:
    """Read the report of pip-audit in JSON; anything else says that it could not ask."""
    try:
        dependencies: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Answer(0, [], [])
    checked = [each for each in dependencies if "skip_reason" not in each]
    return Answer(
        checked=len(checked),
        unknown=[each["name"] for each in dependencies if "skip_reason" in each],
        found=[_line(each, known) for each in checked for known in each["vulns"]],
    )


def _line(dependency: dict[str, Any], known: dict[str, Any]) -> str:
    fixes = ", ".join(known["fix_versions"]) or "no version"
    return f"{dependency['name']} {dependency['version']}: {known['id']}, fixed by {fixes}"


def _accepted() -> dict[str, str]:
    return tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))["accepted"]


def _report(answer: Answer) -> int:
    if answer.unknown:
        print(f"Not known to the service, so not checked: {', '.join(answer.unknown)}")
    for line in answer.found:
        print(f"FOUND: {line}")
    print(f"{answer.checked} packages checked, {len(answer.found)} known vulnerabilities")
    return FOUND if answer.found else 0


if __name__ == "__main__":
    sys.exit(main())
