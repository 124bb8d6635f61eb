"""What mkdocs calls while it builds the site; it runs in the root of the repository."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.site.commands import all_commands
from tools.site.pages import ROOT_PAGES, marked_commands, prepared

_PAGES: dict[str, str] = {}
"""The pages of commands, by the commands' names; read anew for each build."""

_SEARCH = 'data-md-component="search" role="dialog"'
"""The attributes of the search in the theme's pages."""


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the pages beside `docs/`, and note which page describes which command."""
    for source, page in ROOT_PAGES.items():
        text = Path(source).read_text("utf-8")
        files.append(File.generated(config, page, content=text))
    _PAGES.clear()
    _PAGES.update(_command_pages(files))
    if missing := all_commands().keys() - _PAGES.keys():
        raise PluginError(f"No page describes these commands: {', '.join(sorted(missing))}.")
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put in what is made of the program."""
    uri = page.file.src_uri
    if uri == "index.md":
        page.meta["hide"] = ["navigation"]  # of one page
    try:
        return prepared(markdown, uri, _PAGES)
    except LookupError as error:
        raise PluginError(f"{uri}: {error}") from error


def on_post_page(output: str, **_: Any) -> str:
    """Name the dialog of the search for people who do not see it; the theme does not."""
    return output.replace(_SEARCH, f'{_SEARCH} aria-label="Search"')


def _command_pages(files: Files) -> Mapping[str, str]:
    pages = (each for each in files.documentation_pages() if each.src_uri.startswith("commands/"))
    return {name: each.src_uri for each in pages for name in marked_commands(each.content_string)}
