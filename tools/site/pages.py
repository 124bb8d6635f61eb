"""How a page of the repository becomes one of the site: links, formulas, what is generated."""

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from latex2mathml.converter import convert

from tools.site import commands, configuration, sources

ROOT_PAGES = {
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files beside `docs/` that are pages too, and where the site has them."""
_MARK = re.compile(r"^<!-- site: (?P<kind>\w+) ?(?P<rest>.*?) -->$", re.MULTILINE)
_FORMULA = re.compile(r"^\$\$\n(?P<tex>.+?)\n\$\$$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<path>[^)\s:#]+)(?P<anchor>#[^)]*)?\)")
_NAMED = re.compile(r"(?<!\[)`(?P<path>(?:docs/)?[\w/-]+\.md)`(?!\])")


def marked_commands(text: str) -> list[str]:
    """Return the names of the commands that a page describes."""
    return [found["rest"] for found in _MARK.finditer(text) if found["kind"] == "command"]


def prepared(text: str, page: str, pages: Mapping[str, str]) -> str:
    """Return the Markdown of a page for the site.

    Args:
        text: the Markdown in the repository.
        page: the page's path inside the site.
        pages: which page describes each command.

    Raises:
        LookupError: something that the page names is gone.
    """
    folder = posixpath.dirname(page)
    parts = _FENCE.split(text)
    parts[::2] = [
        _with_links(part, folder, is_root=page in ROOT_PAGES.values()) for part in parts[::2]
    ]
    made = _MARK.sub(
        lambda found: _made(found["kind"], found["rest"], folder, pages), "".join(parts)
    )
    return _FORMULA.sub(lambda found: _formula(found["tex"]), made)


def _made(kind: str, rest: str, folder: str, pages: Mapping[str, str]) -> str:
    makers: dict[str, Callable[[], str]] = {
        "command": lambda: commands.described(rest),
        "commands": lambda: commands.listed(_relative(pages, folder)),
        "configuration": configuration.reference,
        "source": lambda: _excerpt(rest),
    }
    if kind not in makers:
        raise LookupError(f"nothing makes “{kind}”")
    return makers[kind]()


def _excerpt(rest: str) -> str:
    path, name = rest.split()
    return sources.excerpt(Path(path), name)


def _relative(pages: Mapping[str, str], folder: str) -> dict[str, str]:
    return {name: posixpath.relpath(path, folder or ".") for name, path in pages.items()}


def _formula(tex: str) -> str:
    return f'<div class="formula" tabindex="0">{convert(tex, display="block")}</div>'


def _with_links(text: str, folder: str, *, is_root: bool) -> str:
    """Let links and names of files in a text lead to pages of the site."""
    origin = "." if is_root else posixpath.join("docs", folder)

    def linked(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(origin, found["path"]))
        page = _page_of(target)
        if page is None:
            return _named_file(target, found["text"])
        anchor = found["anchor"] or ""
        return f"[{found['text']}]({posixpath.relpath(page, folder or '.')}{anchor})"

    def named(found: re.Match[str]) -> str:
        page = _page_of(found["path"])
        if page is None or not Path(found["path"]).is_file():
            return found[0]
        return f"[`{found['path']}`]({posixpath.relpath(page, folder or '.')})"

    return _NAMED.sub(named, _LINK.sub(linked, text))


def _page_of(path: str) -> str | None:
    """Return the page that the site makes of a file of the repository, None if it makes none."""
    if path in ROOT_PAGES:
        return ROOT_PAGES[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else None


def _named_file(target: str, text: str) -> str:
    """Return how the site names a file that is no page of it."""
    if not Path(target).exists():
        raise LookupError(f"there is no file {target}")
    return text if "`" in text else f"{text} (`{target}`)"
