"""`/edit`, and the menu *Edit this image*: change a picture, or there a video, by words."""

from typing import Any

import discord
from discord import app_commands, ui
from discord.app_commands import Choice, Range

from bot.client import BotCog
from bot.config import MAX_VARIATIONS
from bot.errors import UserError
from bot.languages.catalogue import Language
from bot.languages.message import Message
from bot.services import Services
from bot.submission.edits import EditOptions
from bot.submission.job_messages import message_with_pictures
from bot.submission.painters import MAX_PAINTER, editing_choices
from bot.submission.permissions import check_permissions
from bot.submission.private_answers import answer_queued
from bot.submission.requester import Requester
from bot.submission.restyles import RestyleOptions
from bot.submission.seeds import LARGEST_SEED
from bot.ui import job_text
from bot.ui.autocomplete import matching, matching_presets
from bot.ui.base import Form
from bot.ui.command_options import TILE, TILE_CHOICES, hide_option
from bot.ui.forms import PictureForm, words_input
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, show_form
from bot.ui.uploads import Upload, choose_video, is_spoiler, pictures_in, videos_in
from engine.editing.edit_recipe import DEFAULT_KEEP
from engine.recipes.checks import MAX_STEPS

MENU = "Edit this image"
_KEEPS = {
    "0": Message.in_context("entry", "Anything can change (0 %)"),
    "50": Message.in_context("entry", "About half of it (50 %)"),
    "75": Message.in_context("entry", "Most of it (75 %)"),
    "90": Message.in_context("entry", "Its shapes, roughly (90 %)"),
    "100": Message.in_context("entry", "Its shapes: only colors change (100 %)"),
}
"""Options of how much of a picture stays: percentages and their labels."""
_KEEP = str(round(100 * DEFAULT_KEEP))


class Edit(BotCog):
    """Change pictures by words."""

    MENU = MENU

    async def cog_load(self) -> None:
        """Hide the choice of painters where there is only one."""
        await super().cog_load()
        if len(editing_choices(self._services.settings.engine)) == 1:
            hide_option(self.edit, "painter")

    @app_commands.command()
    @app_commands.describe(
        image="The picture to change",
        prompt="What it should show afterwards",
        keep="How much stays, in percent: 100 changes only colors, less changes shapes too",
        mask=str(job_text.MASK_FILE),
        steps="How long to paint: more steps change more",
        seed="The same seed makes the same change again",
        preset="Quality: fast takes less time, fine takes more",
        count="How many variations to paint",
        tile=TILE,
        fade="How much of each chapter of a story fades in, in percent: ^ separates chapters",
        painter="What paints: VQGAN-CLIP, or one of its rivals in the paper",
    )
    @app_commands.choices(tile=TILE_CHOICES)
    async def edit(
        self,
        interaction: discord.Interaction,
        image: discord.Attachment,
        prompt: str,
        keep: Range[int, 0, 100] | None = None,
        mask: discord.Attachment | None = None,
        steps: Range[int, 1, MAX_STEPS] | None = None,
        seed: Range[int, 0, LARGEST_SEED] | None = None,
        preset: str | None = None,
        count: Range[int, 1, MAX_VARIATIONS] = 1,
        tile: str | None = None,
        fade: Range[int, 0, 100] | None = None,
        painter: Range[str, 1, MAX_PAINTER] | None = None,
    ) -> None:
        """Change a picture by words."""
        await defer(interaction)
        kept = None if keep is None else keep / 100
        spoiler = is_spoiler(image, mask)
        options = EditOptions(
            prompt, kept, steps, seed, preset, count, fade, painter, spoiler, tile
        )
        requester = Requester.of_interaction(interaction)
        drawn = None if mask is None else Upload(mask)
        queued = await self._services.edits.queue(requester, options, Upload(image), drawn)
        await answer_queued(interaction, queued)

    @edit.autocomplete("preset")
    async def _presets(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching_presets(typed)

    @edit.autocomplete("painter")
    async def _painters(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching(typed, editing_choices(self._services.settings.engine))

    async def open_menu(self, interaction: discord.Interaction, message: discord.Message) -> None:
        """Ask how to change a message's picture, or its video if it has no picture."""
        check_permissions(Requester.of_interaction(interaction))
        message = await message_with_pictures(self._bot, self._services.store, message)
        await self._services.edits.check_may_edit(message, interaction.user.id)
        language = private_language(interaction)
        videos = videos_in(message)
        if videos and not pictures_in(message):
            video = choose_video(videos)
            await show_form(interaction, _RestyleForm(self._services, message, video, language))
            return
        await show_form(interaction, _EditForm(self._services, message, language))


class _EditForm(PictureForm):
    """Asks how to change a picture."""

    def __init__(self, services: Services, message: discord.Message, language: Language) -> None:
        super().__init__(Message.in_context("form", "Edit this image"), message, language)
        self._services = services
        self._prompt = words_input("prompt", services.settings.limits.prompt_length)
        self._keep = _keep_select(language)
        self.ask(Message.in_context("field", "What should it show afterwards?"), self._prompt)
        self.ask(Message.in_context("field", "How much of the picture stays?"), self._keep)
        self.ask_which()

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Queue the edit."""
        await defer(interaction)
        picture = Upload(self.picture, self.message)
        spoiler = is_spoiler(self.picture)
        options = EditOptions(self._prompt.value, _chosen(self._keep), spoiler=spoiler)
        requester = Requester.of_interaction(interaction, "edit")
        queued = await self._services.edits.queue(requester, options, picture)
        await answer_queued(interaction, queued)


class _RestyleForm(Form):
    """Asks how to restyle a video."""

    def __init__(
        self,
        services: Services,
        message: discord.Message,
        video: discord.Attachment,
        language: Language,
    ) -> None:
        super().__init__(Message.in_context("form", "Restyle this video"), language)
        self._services = services
        self._message, self._video = message, video
        self._prompt = words_input("prompt", services.settings.limits.prompt_length)
        self._keep = _keep_select(language)
        self.ask(Message.in_context("field", "What should it show afterwards?"), self._prompt)
        self.ask(Message.in_context("field", "How much of each frame stays?"), self._keep)

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Queue the film."""
        await defer(interaction)
        spoiler = is_spoiler(self._video)
        options = RestyleOptions(self._prompt.value, _chosen(self._keep), spoiler=spoiler)
        requester = Requester.of_interaction(interaction, "restyle")
        clip = Upload(self._video, self._message)
        await answer_queued(
            interaction, await self._services.restyles.queue(requester, options, clip)
        )


def _keep_select(language: Language) -> ui.Select[Any]:
    """Return a field that asks how much stays."""
    field: ui.Select[Any] = ui.Select(custom_id="keep")
    for percent, meaning in _KEEPS.items():
        label = meaning.in_language(language)
        field.add_option(label=label, value=percent, default=percent == _KEEP)
    return field


def _chosen(field: ui.Select[Any]) -> float:
    """Return the share that stays, from 0 to 1; raise `UserError` for what is no choice."""
    percent = field.values[0] if field.values else _KEEP
    if percent not in _KEEPS:
        raise UserError(Message("I don't know that choice. Please open the form again."))
    return int(percent) / 100
