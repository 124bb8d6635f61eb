"""Links, anchors and pictures of all Markdown in the repository, as people read it there."""

import re
from pathlib import Path

import pytest

from tools.links import ROOT, documents, external_links, prose

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
_HEADING = re.compile(r"^#{1,6} (?P<title>.+)$", re.MULTILINE)
_NAMED = re.compile(r"`((?:docs|deploy|engine|bot|cogs|tests|tools|benchmarks)/[\w./-]+\.\w+)`")
DOCUMENTS = documents()


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for title in (match["title"] for match in _HEADING.finditer(_FENCE.sub("", text))):
        base = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower())
        base = base.replace(" ", "-")
        numbered = (base, *(f"{base}-{number}" for number in range(1, 100)))
        found.add(next(each for each in numbered if each not in found))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_links_lead_somewhere(path: Path):
    for found in _LINK.finditer(prose(path)):
        if re.match(r"\w+:", found["path"]):
            continue  # another server, which a test does not ask
        target = path.parent / found["path"] if found["path"] else path
        assert target.exists(), f"{found[0]} leads nowhere"
        if found["anchor"] and target.suffix == ".md":
            assert found["anchor"] in _anchors(target.read_text("utf-8")), found[0]


@pytest.mark.parametrize(
    "path", [each for each in DOCUMENTS if each.name != "CHANGELOG.md"], ids=_name
)
def test_named_files_exist(path: Path):
    for found in _NAMED.findall(_FENCE.sub("", path.read_text("utf-8"))):
        assert (ROOT / found).exists() or "NAME" in found, f"{found} does not exist"


def test_the_documents_and_their_links_are_found():
    assert {"README.md", "docs/index.md", "docs/architecture.md"} <= set(map(_name, DOCUMENTS))
    assert "README.md" in external_links()["https://discord.com/developers/applications"]


def test_pictures_are_small():
    commands = sorted((ROOT / "docs/pictures/commands").glob("*"))
    assert all(each.suffix == ".webp" for each in commands)
    assert max((each.stat().st_size for each in commands), default=0) < 64 * 1024
    pictures = (ROOT / "docs/pictures").rglob("*.webp")
    assert sum(each.stat().st_size for each in pictures) < 3 * 2**20
