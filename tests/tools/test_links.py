"""Links, anchors and pictures of all Markdown in the repository, as people read it there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\((?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
_HEADING = re.compile(r"^#{1,6} (?P<title>.+)$", re.MULTILINE)
_NAMED = re.compile(r"`((?:docs|deploy|engine|bot|cogs|tests|tools|benchmarks)/[\w./-]+\.\w+)`")


def _documents() -> list[Path]:
    """Return the Markdown files that git knows, or, without git, all of the usual places."""
    asked = subprocess.run(
        ("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode == 0:
        return [ROOT / name for name in asked.stdout.splitlines() if (ROOT / name).exists()]
    return [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


DOCUMENTS = _documents()


def _anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for title in (match["title"] for match in _HEADING.finditer(_FENCE.sub("", text))):
        base = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower())
        base = base.replace(" ", "-")
        numbered = (base, *(f"{base}-{number}" for number in range(1, 100)))
        found.add(next(each for each in numbered if each not in found))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path):
    text = _FENCE.sub("", path.read_text("utf-8"))
    for found in _LINK.finditer(_CODE.sub("", text)):
        if re.match(r"\w+:", found["path"]):
            continue  # another server, which a test does not ask
        target = path.parent / found["path"] if found["path"] else path
        assert target.exists(), f"{found[0]} leads nowhere"
        if found["anchor"] and target.suffix == ".md":
            assert found["anchor"] in _anchors(target.read_text("utf-8")), found[0]


@pytest.mark.parametrize(
    "path",
    [each for each in DOCUMENTS if each.name != "CHANGELOG.md"],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_named_files_exist(path: Path):
    for found in _NAMED.findall(_FENCE.sub("", path.read_text("utf-8"))):
        assert (ROOT / found).exists() or "NAME" in found, f"{found} does not exist"


def test_the_documents_were_found():
    names = {path.name for path in DOCUMENTS}
    assert {"README.md", "index.md", "architecture.md"} <= names
