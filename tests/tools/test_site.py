"""The documentation site: it builds strictly, needs no other server, and its parts exist."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tools.site import configuration
from tools.site.commands import all_commands, described
from tools.site.pages import prepared
from tools.site.sources import excerpt

ROOT = Path(__file__).parents[2]


class _Loaded(HTMLParser):
    """Collects what a page makes a browser load, and nothing that a person has to click."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.found.append(given.get("href") or "")
        elif tag != "a":
            self.found.append(given.get("src") or "")


def _pages(site: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(site.rglob("*.html")):
        yield path, path.read_text("utf-8")


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site: Path):
    seen = 0
    for path, text in _pages(site):
        loaded = _Loaded()
        loaded.feed(text)
        for each in filter(None, loaded.found):
            assert not re.match(r"(https?:)?//", each), f"{path.name} loads {each}"
            seen += path.name != "404.html" and "/" in each
    assert seen > 100
    styles = (*site.rglob("*.css"),)
    assert styles
    for path in styles:
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", path.read_text("utf-8"))


@pytest.mark.slow
def test_every_command_is_on_a_page_with_its_options(site: Path):
    shown = "".join(text for path, text in _pages(site) if path.parent.name == "commands")
    for name, command in all_commands().items():
        assert name in shown
        for option in command.get("options", ()):
            assert f"<code>{option['name']}</code>" in shown or option["type"] in (1, 2)


@pytest.mark.slow
def test_every_setting_is_on_the_page_of_the_configuration(site: Path):
    page = (site / "configuration.html").read_text("utf-8")
    for table in configuration.read_template((ROOT / "config.toml").read_text("utf-8")):
        for key in table.keys:
            assert f'id="{table.name}.{key.name}"' in page
            assert f"VQGAN_CLIP_{table.name}__{key.name}".upper() in page


def test_a_setting_is_described_with_type_default_and_range(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    text = configuration.reference()
    steps = text.split("{ #limits.steps }")[1].split("###")[0]
    assert "whole number, 1 to 100,000" in steps
    assert "Default: `1000`" in steps
    assert "VQGAN_CLIP_LIMITS__STEPS" in steps


def test_options_are_described_with_their_ranges_and_choices():
    imagine = described("imagine")
    assert "everyone" in imagine
    assert re.search(r"\| `count` \| .* \| whole number, 1 to 4 \|", imagine)
    assert re.search(r"\| `prompt` \(required\) \|", imagine)
    assert "`square`, `landscape`" in imagine
    assert "Manage Server" in described("settings")
    assert "/settings words add" in described("settings")


def test_what_a_page_names_must_exist(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    found = excerpt(Path("engine/vqgan_clip/loop.py"), "Run.done")
    assert "def done(self) -> bool:" in found
    assert "@property" in found
    for marked in (
        "source engine/vqgan_clip/loop.py gone",
        "source engine/gone.py step",
        "command gone",
        "gone",
    ):
        with pytest.raises(LookupError):
            prepared(f"<!-- site: {marked} -->", "paper.md", {})
    with pytest.raises(LookupError, match=r"engine/gone\.py"):
        prepared("[it](../engine/gone.py)", "paper.md", {})


def test_names_of_files_become_links(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    text = (
        "See `docs/quality.md` and [how](../../CONTRIBUTING.md#prose).\n```\n`docs/bot.md`\n```\n"
    )
    assert prepared(text, "commands/imagine.md", {}) == (
        "See [`docs/quality.md`](../quality.md) and [how](../contributing.md#prose).\n"
        "```\n`docs/bot.md`\n```\n"
    )
