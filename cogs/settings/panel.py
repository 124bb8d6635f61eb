"""The panel of `/settings show`: menus, buttons and forms that change a server's settings."""

from collections.abc import Callable, Sequence
from typing import Any

import discord
from discord import ui

from bot.config import LimitSettings
from bot.errors import UserError, message_of
from bot.guild_settings import THRESHOLDS, GuildSettings
from bot.languages.catalogue import Language
from bot.languages.message import Message, joined
from bot.services import Services
from bot.submission.settings_changes import (
    WORD_LISTS,
    SettingsChange,
    choice_change,
    edit_others_change,
    kept_change,
    language_change,
    limits_change,
    list_change,
    log_change,
    no_log_change,
    replies_change,
    strictness_change,
    word_entries,
)
from bot.ui import buttons, formatting
from bot.ui.base import Form, PersistentItem
from bot.ui.forms import words_input
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, show_form, update_response
from bot.ui.settings_choices import EDIT_OTHERS, KEPT, SECTIONS
from bot.ui.settings_panel import FIRST, FORMS, LISTS, panel_view
from bot.ui.settings_text import NAMES, HostRules

_LONGEST_NUMBER, _LONGEST_WORDS = 9, 1000
"""Maximum lengths of a number and of words that are typed into a form."""
_MENUS = (ui.ChannelSelect, ui.RoleSelect, ui.UserSelect)
"""The menus that change lists."""
_CHANGES = frozenset(
    (
        *(("list", name) for name in LISTS),
        *(("choice", name) for name in ("replies", "edit_others", "language", "kept", *THRESHOLDS)),
        ("log", "channel"),
    )
)
"""The kinds and names of menus that change something."""
_BLOCK = Message.in_context("form", "Block words")
_ALLOW = Message.in_context("form", "Allow words again")
_KINDS = {
    "blocked": Message.in_context("entry", "Blocked everywhere"),
    "age-restricted": Message.in_context("entry", "For age-restricted channels only"),
}
"""The lists of words, by what `WORD_LISTS` calls them."""


class PanelItem(PersistentItem, template=r"settings:(?P<kind>[^:]*):(?P<name>[^:]*)"):
    """A menu or a button of the panel; its custom id says what it changes."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Take over a choice, show another part of the panel, or open a form."""
        services: Services = interaction.client.services
        kind, name = self.match["kind"], self.match["name"]
        if kind == "form":
            await services.server_settings.check_access(interaction)
            await show_form(interaction, await _form(services, interaction, name))
            return
        await defer(interaction, in_place=True)
        if kind == "section":
            await services.server_settings.check_access(interaction)
            await show_panel(services, interaction, self._chosen())
        elif (kind, name) not in _CHANGES:
            raise UserError(buttons.UNKNOWN)
        else:
            section = _section(kind, name)
            await change_in_panel(
                services, interaction, section, lambda: self._change(interaction, kind, name)
            )

    def _change(
        self, interaction: discord.Interaction[Any], kind: str, name: str
    ) -> SettingsChange:
        item, host = self.item, interaction.client.services.settings.limits
        if kind == "list" and isinstance(item, _MENUS):
            shown = [int(each.id) for each in item.default_values]
            return choice_change(name, shown, [each.id for each in item.values])
        if kind == "log" and isinstance(item, ui.ChannelSelect):
            return _log_change(interaction.guild, [each.id for each in item.values])
        match name, self._chosen():
            case "replies", words:
                return replies_change(words)
            case "edit_others", chosen if chosen in EDIT_OTHERS:
                return edit_others_change(host, allowed=chosen == "everyone")
            case "language", chosen:
                return language_change(chosen)
            case key, chosen if key in THRESHOLDS:
                rules: HostRules = interaction.client.services.server_settings.host
                return strictness_change(rules, {key: chosen})
            case "kept", chosen if chosen in KEPT:
                return kept_change(kept=chosen == "yes")
            case _:
                raise UserError(buttons.UNKNOWN)

    def _chosen(self) -> str:
        """Return what was chosen in a menu of words."""
        return self.item.values[0] if isinstance(self.item, ui.Select) and self.item.values else ""


async def show_panel(
    services: Services,
    interaction: discord.Interaction[Any],
    section: str = FIRST,
    news: Message | str = "",
) -> None:
    """Show the panel in the response, with what is new above it."""
    section = section if section in SECTIONS else FIRST
    server = await services.server_settings.get(interaction)
    language = private_language(interaction)
    view = panel_view(section, server, services.server_settings.host, interaction.guild, language)
    text = joined("\n\n", (news, await services.server_settings.text(interaction)))
    await update_response(interaction, formatting.fitting(text, language), view=view)


async def change_in_panel(
    services: Services,
    interaction: discord.Interaction[Any],
    section: str,
    make_change: Callable[[], SettingsChange],
) -> None:
    """Store a change, and show the panel with what it changed, or why it was refused."""
    await services.server_settings.check_access(interaction)
    try:
        news = await services.server_settings.change(interaction, make_change())
    except UserError as error:
        # The menu shows the choice although it was refused, unless the panel is shown again.
        news = joined(" ", ("⚠️", message_of(error)))
    await show_panel(services, interaction, section, news)


def _section(kind: str, name: str) -> str:
    """Return in which part of the panel a menu is."""
    if name in THRESHOLDS:
        return "people"
    return "log" if kind == "log" or name == "kept" else LISTS.get(name, "limits")


def _log_change(guild: discord.Guild | None, chosen: Sequence[int]) -> SettingsChange:
    """Keep the log in the channel that was chosen, or nowhere if none was."""
    if not chosen:
        return no_log_change
    return log_change(guild and guild.get_channel(chosen[0]))


async def _form(
    services: Services, interaction: discord.Interaction[Any], name: str
) -> "_LimitsForm | _WordsForm":
    language = private_language(interaction)
    if name in FORMS:
        server = await services.server_settings.get(interaction)
        return _LimitsForm(services, FORMS[name], server, language)
    if name in ("add", "remove"):
        return _WordsForm(services, language, adds=name == "add")
    raise UserError(buttons.UNKNOWN)


class _LimitsForm(Form):
    """Asks for limits as numbers; an empty field leaves a limit to the host."""

    def __init__(
        self,
        services: Services,
        names: tuple[str, ...],
        server: GuildSettings,
        language: Language,
    ) -> None:
        super().__init__(Message.in_context("form", "Limits of this server"), language)
        self._services = services
        host = services.settings.limits
        self._fields = {name: _number_input(name, server, host, language) for name in names}
        for name, field in self._fields.items():
            self.ask(NAMES[name], field)

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Store the numbers that were changed."""
        await defer(interaction, in_place=True)
        changed = {
            name: _number(NAMES[name], field.value)
            for name, field in self._fields.items()
            if field.value.strip() != (field.default or "")
        }
        if not changed:
            return await show_panel(self._services, interaction, "limits")
        host = self._services.settings.limits
        return await change_in_panel(
            self._services, interaction, "limits", lambda: limits_change(host, changed)
        )


class _WordsForm(Form):
    """Asks for words to block, or to allow again."""

    def __init__(self, services: Services, language: Language, *, adds: bool) -> None:
        super().__init__(_BLOCK if adds else _ALLOW, language)
        self._services, self._adds = services, adds
        self._words = words_input("words", _LONGEST_WORDS)
        self._kind: ui.Select[Any] = ui.Select(
            custom_id="kind",
            options=[
                discord.SelectOption(
                    label=text.in_language(language), value=kind, default=kind == "blocked"
                )
                for kind, text in _KINDS.items()
            ],
        )
        words = Message.in_context("field", "Words, separated by commas")
        self.ask(words, self._words, Message.in_context("hint", "* stands for any letters"))
        self.ask(Message.in_context("field", "On which list?"), self._kind)

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Change the list."""
        await defer(interaction, in_place=True)
        kind = self._kind.values[0] if self._kind.values else "blocked"
        if kind not in WORD_LISTS:
            raise UserError(Message("I don't know that choice. Please open the form again."))
        words = word_entries(self._words.value)
        added, removed = (words, ()) if self._adds else ((), words)
        change = list_change(WORD_LISTS[kind], added, removed)
        await change_in_panel(self._services, interaction, "people", lambda: change)


def _number_input(
    name: str, server: GuildSettings, host: LimitSettings, language: Language
) -> ui.TextInput[Any]:
    own = getattr(server, name)
    hint = Message.in_context("hint", "{number}, the host's limit", number=getattr(host, name))
    return ui.TextInput(
        custom_id=name,
        required=False,
        default=None if own is None else str(own),
        placeholder=hint.in_language(language),
        max_length=_LONGEST_NUMBER,
    )


def _number(name: Message, typed: str) -> int:
    """Return a limit as it was typed; 0 for nothing."""
    text = typed.strip() or "0"
    if not (text.isascii() and text.isdecimal()):
        refusal = Message(
            "{limit}: enter a whole number, such as 100, or leave it empty.", limit=name
        )
        raise UserError(refusal)
    return int(text)
