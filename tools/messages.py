"""Collect what can be translated, and update the catalogues: `python -m tools.messages`.

Texts of commands come from the commands as Discord gets them, all other texts from the source: from
the calls of `Message`, and of the engine's `Text` and errors, and what published models know from
their registry. New texts are added without a translation, and those that are gone are removed.
"""

import asyncio
import io
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from datetime import UTC, datetime
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import discord
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from discord import app_commands

from bot import languages
from bot.client import COGS, PaintingBot
from bot.command_translator import kind_of, template_of
from bot.config import BotSettings
from bot.languages.catalogue import CATALOGUES
from bot.monitoring import Metrics
from engine import __version__
from engine.models.catalogue import PAINTERS
from engine.models.painter_entry import registered_painter
from engine.settings import EngineSettings
from engine.weights.registry import shipped_registry

ROOT = Path(__file__).parents[1]
FOLDER = Path(languages.__file__).parent / "catalogues"
_SOURCES = ("bot/**.py", "cogs/**.py", "engine/**.py")
_NEVER_ON_DISCORD = (
    "engine/cli/**.py",
    "engine/conversion/**.py",
    "engine/demo/**.py",
    "engine/glide/tokens.py",
    "engine/mindalle/published.py",
    "engine/mindalle/tokens.py",
    "engine/open_edit/published.py",
    "engine/open_edit/vocabulary.py",
    "engine/painter_files.py",
    "engine/preparation.py",
    "engine/weights/**.py",
    "engine/models/devices.py",
    "engine/models/loading.py",
    "engine/models/tokenizer.py",
)
"""Sources whose errors are for the host and for users of the command line."""
_ERRORS = ("RecipeError", "PictureError", "ModelError", "DivergedError")
"""Errors of the engine that people on Discord can meet."""
CALLS = {
    "Message": None,
    "counted": (1, 2),
    "in_context": ((1, "c"), 2),
    "Text": None,
    **dict.fromkeys(_ERRORS),
}
_WIDTH = 100
_HEADER = "# Texts of the bot. `make messages` adds and removes texts, and keeps translations."
_ABOUT = {
    "project": "vqgan-clip-bot",
    "version": __version__,
    "msgid_bugs_address": "-",
    "creation_date": datetime(2026, 1, 1, tzinfo=UTC),
    "revision_date": datetime(2026, 1, 1, tzinfo=UTC),
    "last_translator": "-",
    "language_team": "-",
}


def main() -> int:
    """Update all catalogues, and print how many texts each one lacks."""
    template = asyncio.run(collect())
    for name in CATALOGUES:
        catalogue = read_catalogue(name)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        written = io.BytesIO()
        write_po(written, catalogue, width=_WIDTH, sort_output=True)
        (FOLDER / f"{name}.po").write_bytes(written.getvalue())
        lacking = sum(not each.string for each in catalogue if each.id)
        print(f"{name}: {len(catalogue)} texts, {lacking} not translated")
    return 0


async def collect() -> Catalog:
    """Return a catalogue of everything that can be translated, without translations."""
    template = Catalog()
    for _, _, text, _, context in _texts_in_source():
        template.add(text, context=context)
    registry = shipped_registry()
    for entry in (*registry.models.values(), *registry.painters.values()):
        if entry.limits:
            template.add(entry.limits)
    recorder = _Recorder(template)
    tree = await _commands()
    for command in tree.get_commands():
        await command.get_translated_payload(tree, recorder)
    for menu_type in (discord.AppCommandType.message, discord.AppCommandType.user):
        for menu in tree.get_commands(type=menu_type):
            await menu.get_translated_payload(tree, recorder)
    return template


def read_catalogue(name: str) -> Catalog:
    """Read the catalogue of a language; one that does not exist is empty."""
    path = FOLDER / f"{name}.po"
    if not path.exists():
        return Catalog(locale=name, header_comment=_HEADER, fuzzy=False, **_ABOUT)
    with path.open("rb") as file:
        return read_po(file, locale=name)


class _Recorder(app_commands.Translator):
    """Adds every text that discord.py wants to have translated to a catalogue."""

    def __init__(self, template: Catalog) -> None:
        self._template = template

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        if locale is discord.Locale.german:  # each text once
            self._template.add(
                template_of(string), context=kind_of(context), auto_comments=_comments(context)
            )
        return None


def _comments(context: app_commands.TranslationContextTypes) -> list[str]:
    """Return where a text belongs, for those who translate it."""
    match context.data:
        case app_commands.Command() | app_commands.Group() as command:
            return [f"/{command.qualified_name}"]
        case app_commands.Parameter() as option:
            return [f"/{option.command.qualified_name} {option.name}"]
        case _:
            return []


async def _commands() -> app_commands.CommandTree[Any]:
    """Return the commands of a bot that is never started."""
    registry = shipped_registry()
    painters = {name: registered_painter(registry, name, {}) for name in registry.painters}
    # Options are hidden without other models, painters and a network.
    engine = EngineSettings(
        more_models=("others",), painters=tuple(painters), upscaler="network.pth"
    )
    services = cast(Any, SimpleNamespace(settings=BotSettings(engine=engine), metrics=Metrics()))
    bot = PaintingBot(services)
    with patch.dict(PAINTERS, painters):
        for name in COGS:
            await bot.add_cog(resolve_name(name)(bot))
    return bot.tree


def _texts_in_source() -> list[Any]:
    methods = [(each, "ignore") for each in _NEVER_ON_DISCORD]
    methods += [(each, "python") for each in _SOURCES]
    with redirect_stderr(io.StringIO()):  # it warns of values that are f-strings
        found = list(extract_from_dir(ROOT, methods, keywords=CALLS))
    return [each for each in found if each[2]]


def sources() -> list[Path]:
    """Return the files whose texts are collected."""
    never = {path for each in _NEVER_ON_DISCORD for path in _matching(each)}
    return sorted({path for each in _SOURCES for path in _matching(each)} - never)


def _matching(pattern: str) -> Iterator[Path]:
    return ROOT.glob(pattern.replace("**.py", "**/*.py"))


if __name__ == "__main__":
    sys.exit(main())
