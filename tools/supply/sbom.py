"""The list of all parts of a release (SBOM), in CycloneDX 1.6.

The parts are what the locks install for the program and its options, with licences from
`docs/licences.md`, the libraries inside their wheels, and the weights that the program ships. The
same sources give the same bytes.
"""

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import engine
from tools.supply.licence_page import needed_for, read_libraries, read_page
from tools.supply.locks import DEVELOPMENT, DOCUMENTATION, ROOT, Locked, packages

NAME = "vqgan-clip-bot"

_NAMESPACE = uuid.UUID("7f4f3c1c-5a0e-5a53-9d0c-3b0d3b7b0a51")
_Part = dict[str, Any]


class InvalidListError(Exception):
    """A list of parts that its schema does not allow."""


def write(path: Path, seconds: int) -> None:
    """Write the list of parts, made at a time in seconds since 1970, and check it.

    Raises `InvalidListError` if the schema does not allow it.
    """
    text = json.dumps(parts_of_release(seconds), indent=2, sort_keys=True) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise InvalidListError(str(error))
    path.write_text(text, encoding="utf-8")


def parts_of_release(seconds: int) -> _Part:
    """Return the list of parts, made at a time in seconds since 1970."""
    locked = packages(without=(DEVELOPMENT, DOCUMENTATION))
    components = [*_package_parts(list(locked.values())), *_weights()]
    # The same parts have the same number, so that the same sources give the same bytes.
    digest = hashlib.sha256(json.dumps(components, sort_keys=True).encode()).hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "serialNumber": uuid.uuid5(_NAMESPACE, digest).urn,
        "metadata": {
            "timestamp": datetime.fromtimestamp(seconds, UTC).isoformat(),
            "component": {
                "type": "application",
                "name": NAME,
                "version": engine.__version__,
                "bom-ref": NAME,
                "licenses": _licences("MIT"),
            },
        },
        "components": components,
        "dependencies": list(_dependencies(locked)),
    }


def _package_parts(locked: list[Locked]) -> Iterator[_Part]:
    licences = {each.name: each for each in read_page()}
    libraries, reasons = read_libraries(), needed_for()
    for each in locked:
        reference = _reference(each)
        files = {
            "type": "distribution",
            "url": reference,
            "comment": "the files that may be installed",
            "hashes": [_sha256(digest) for digest in each.hashes],
        }
        part: _Part = {
            "type": "library",
            "name": each.name,
            "version": each.version,
            "bom-ref": reference,
            "purl": reference,
            "scope": "required" if reasons[each.name] == ["program"] else "optional",
            "licenses": _licences(licences[each.name].expression),
            "externalReferences": [files],
        }
        if page := licences[each.name].page:
            part["externalReferences"].append({"type": "website", "url": page})
        if inside := libraries.get(each.name):
            part["components"] = [
                {
                    "type": "library",
                    "name": library,
                    "bom-ref": f"{each.name}/{library}",
                    "licenses": _licences(expression),
                }
                for library, expression in sorted(inside.items())
            ]
        yield part


def _weights() -> Iterator[_Part]:
    for file in sorted((ROOT / "engine").rglob("*.safetensors")):
        yield {
            "type": "machine-learning-model",
            "name": file.name,
            "bom-ref": file.relative_to(ROOT).as_posix(),
            "hashes": [_sha256(hashlib.sha256(file.read_bytes()).hexdigest())],
            "licenses": _licences("MIT"),
        }


def _dependencies(locked: dict[str, Locked]) -> Iterator[_Part]:
    needed: dict[str, list[str]] = defaultdict(list)
    for each in locked.values():
        for name in each.wanted_by:
            by = NAME if name.startswith("-r ") else name
            if by == NAME or by in locked:
                needed[NAME if by == NAME else _reference(locked[by])].append(_reference(each))
    for reference in [NAME, *map(_reference, locked.values())]:
        yield {"ref": reference, "dependsOn": sorted(set(needed[reference]))}


def _reference(package: Locked) -> str:
    return f"pkg:pypi/{package.name}@{package.version}"


def _licences(expression: str) -> list[_Part]:
    return [{"expression": expression}]


def _sha256(digest: str) -> _Part:
    return {"alg": "SHA-256", "content": digest}
