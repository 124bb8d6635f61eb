"""Which licences the locked packages have, from their metadata: `make licences`.

The metadata of a package says its licence as an SPDX expression, as a classifier or as a text.
`licences.toml` decides what it leaves open, says what a licence that is not permissive means, and
names the licences of the shared libraries that wheels bring along.
"""

import importlib.metadata
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from tools.supply.locks import Locked

PERMISSIVE = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "BSL-1.0"),
        *("CC0-1.0", "CNRI-Python", "FTL", "IJG", "ISC", "LLVM-exception", "MIT", "MIT-CMU"),
        *("MIT-Modern-Variant", "PSF-2.0", "Unlicense", "Zlib", "libpng-2.0", "libtiff"),
    }
)
"""Licences and exceptions that only ask to keep their text."""

_WORDS = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT license": "MIT",
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "NVIDIA Proprietary Software": "LicenseRef-NVIDIA-Proprietary",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_PAGES = ("homepage", "home", "source", "source code", "repository", "github", "documentation")


class UnknownLicenceError(Exception):
    """A package or a library whose licence neither its metadata nor `licences.toml` says."""


@dataclass(frozen=True, slots=True)
class Licence:
    """What is known about the licence of one version of a package."""

    name: str
    version: str
    expression: str
    """The licence as an SPDX expression."""
    page: str
    """The address of its home page, or an empty text."""


@cache
def decisions() -> dict[str, Any]:
    """Read `licences.toml`."""
    return tomllib.loads(Path(__file__).with_name("licences.toml").read_text(encoding="utf-8"))


def terms(expression: str) -> set[str]:
    """Return the licences and exceptions that an SPDX expression names."""
    return set(re.findall(r"[\w.+-]+", expression)) - {"AND", "OR", "WITH"}


def is_permissive(expression: str) -> bool:
    """Tell whether an SPDX expression asks for no more than keeping texts."""
    return terms(expression) <= PERMISSIVE


def is_installed(name: str, version: str) -> bool:
    """Tell whether this version of a package is installed here."""
    try:
        return importlib.metadata.version(name) == version
    except importlib.metadata.PackageNotFoundError:  # for another system or Python
        return False


def licence_of(package: Locked) -> Licence:
    """Read the metadata of a package, which is fetched if that version is not installed."""
    if is_installed(package.name, package.version):
        metadata: Any = importlib.metadata.metadata(package.name)
    else:
        metadata = _fetched_metadata(package)
    expression = _expression(package.name, metadata)
    return Licence(package.name, package.version, expression, _page(metadata))


def bundled_libraries(name: str) -> dict[str, str]:
    """Return the shared libraries in an installed wheel, without versions, with their licences."""
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    # Where auditwheel puts what a wheel needs, and where PyTorch puts it with libraries of its own.
    paths = [file for file in files if file.parts[0].endswith(".libs")]
    paths += [file for file in files if re.search(r"/lib/libg(omp|fortran)\.so", file.as_posix())]
    stems = {re.split(r"[-.]", PurePath(path).name)[0] for path in paths}
    known = decisions()["libraries"]
    of_package = known["*"] | known.get(name, {})
    if unknown := stems - of_package.keys():
        raise UnknownLicenceError(f"{name} brings {sorted(unknown)}: add them to licences.toml")
    return {stem: of_package[stem] for stem in sorted(stems)}


def _expression(name: str, metadata: Message) -> str:
    decided = decisions()["decided"].get(name)
    classifiers = metadata.get_all("Classifier") or []
    texts: list[str] = [
        str(decided or ""),
        str(metadata.get("License-Expression") or ""),
        str(metadata.get("License") or "").strip().partition("\n")[0].strip(),
        *(each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")),
    ]
    for text in filter(None, texts):
        try:
            return canonicalize_license_expression(_WORDS.get(text, text))
        except InvalidLicenseExpression:
            continue
    raise UnknownLicenceError(f"{name}: no licence in its metadata; decide it in licences.toml")


def _page(metadata: Message) -> str:
    addresses: dict[str, str] = {}
    for entry in metadata.get_all("Project-URL") or []:
        label, _, address = (part.strip() for part in entry.partition(","))
        if not re.search(r"/project/[^/]+/?$", address):  # the package's page on an index
            addresses.setdefault(label.lower(), address)
    for label in _PAGES:
        if label in addresses:
            return addresses[label]
    return str(metadata.get("Home-page") or next(iter(addresses.values()), ""))


def _fetched_metadata(package: Locked) -> Message:
    """Download a wheel for whatever system and Python there is one, and read its metadata."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--python-version", "3.13"]
        wanted = f"{package.name}=={package.version}"
        subprocess.run([*command, "--dest", folder, wanted], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
            return HeaderParser().parsestr(archive.read(name).decode())
