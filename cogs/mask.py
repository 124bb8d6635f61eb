"""`/mask`, and the menu *Mask something in it*: part of a picture, found by text, is repainted.

The mask is a draft that only its author sees. Its buttons change it and have it painted, even after
a restart of the bot.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import discord
from discord import app_commands, ui

from bot.client import BotCog
from bot.errors import UserError
from bot.jobs.draft import Draft
from bot.languages.catalogue import Language
from bot.languages.message import Message, in_language, joined
from bot.services import Services
from bot.submission.job_messages import message_with_pictures
from bot.submission.permissions import check_permissions
from bot.submission.private_answers import answer_queued
from bot.submission.requester import Requester
from bot.ui import alt_texts, buttons, draft_preview, job_text
from bot.ui.attachments import Attachment
from bot.ui.base import Form, PersistentButton
from bot.ui.draft_preview import GROWTH
from bot.ui.forms import PictureForm, words_input
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, show_form, update_response
from bot.ui.uploads import Upload

MENU = "Mask something in it"


_LABELS: Mapping[str, Message] = {
    "paint": Message.in_context("button", "Paint it"),
    "wider": Message.in_context("button", "Wider"),
    "narrower": Message.in_context("button", "Narrower"),
    "invert": Message.in_context("button", "Invert"),
    "upload": Message.in_context("button", "Upload my own mask"),
    "cancel": Message.in_context("button", "Cancel"),
}
"""Labels of the buttons under a draft, by the action in their custom ids."""
_WITHOUT_MASK = frozenset(("upload", "cancel"))
"""The actions on a draft that has no mask yet."""
_CHANGES: Mapping[str, Callable[[Draft], Draft]] = {
    "wider": partial(draft_preview.widen, share=GROWTH),
    "narrower": partial(draft_preview.widen, share=-GROWTH),
    "invert": draft_preview.invert,
}
"""The actions that change a mask."""
_AFTERWARDS = Message.in_context("field", "What should the picture show afterwards?")


class DraftButton(PersistentButton, template=r"mask:(?P<draft>.*):(?P<action>.*)"):
    """Does something with a draft; the custom id says what, and with which draft."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says, for the author of the draft."""
        services: Services = interaction.client.services
        draft = await services.masks.get(self.match["draft"], interaction.user.id)
        if draft.mask is None and self.match["action"] not in _WITHOUT_MASK:
            raise UserError(Message("There is no mask yet. Upload one."))
        language = private_language(interaction)
        match self.match["action"]:
            case "paint" if draft.replace_with is None:
                await show_form(interaction, _WordsForm(services, self.match["draft"], language))
            case "upload":
                await show_form(interaction, _UploadForm(services, self.match["draft"], language))
            case _:
                await defer(interaction, in_place=True)
                await self._act(services, interaction, draft)

    async def _act(
        self, services: Services, interaction: discord.Interaction, draft: Draft
    ) -> None:
        match self.match["action"]:
            case "paint":
                await _paint(services, interaction, self.match["draft"])
            case "cancel":
                await services.masks.discard(draft)
                await update_response(interaction, job_text.CANCELLED)
            case action if action in _CHANGES:
                requester = Requester.of_interaction(interaction, "mask")
                changed = await services.masks.adjust(requester, draft, _CHANGES[action])
                await _show(interaction, changed)
            case _:
                raise UserError(buttons.UNKNOWN)


class Mask(BotCog):
    """Find part of a picture, and repaint it."""

    MENU = MENU
    BUTTON = DraftButton

    @app_commands.command()
    @app_commands.describe(
        image="The picture to change",
        what="What to look for, such as: the red circle. Leave it out to upload a mask",
        replace_with="What the picture should show afterwards",
    )
    async def mask(
        self,
        interaction: discord.Interaction,
        image: discord.Attachment,
        what: str | None = None,
        replace_with: str | None = None,
    ) -> None:
        """Find something in a picture, and paint something else there."""
        await defer(interaction)
        await _create_draft(self._services, interaction, Upload(image), what, replace_with)

    async def open_menu(self, interaction: discord.Interaction, message: discord.Message) -> None:
        """Ask what to look for in a message's picture."""
        check_permissions(Requester.of_interaction(interaction))
        message = await message_with_pictures(self._bot, self._services.store, message)
        form = _MaskForm(self._services, message, private_language(interaction))
        await self._services.edits.check_may_edit(message, interaction.user.id)
        await show_form(interaction, form)


class _MaskForm(PictureForm):
    """Asks what to look for in a picture, and what to paint there."""

    def __init__(self, services: Services, message: discord.Message, language: Language) -> None:
        super().__init__(Message.in_context("form", "Mask something in it"), message, language)
        self._services = services
        limit = services.settings.limits.prompt_length
        self._what = words_input("what", limit, required=False)
        self._replace_with = words_input("replace_with", limit, required=False)
        self.ask(
            Message.in_context("field", "What should I look for?"),
            self._what,
            Message.in_context("hint", "Leave it empty to upload a mask"),
        )
        self.ask(_AFTERWARDS, self._replace_with)
        self.ask_which()

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Look for it."""
        await defer(interaction)
        picture = Upload(self.picture, self.message)
        what, replace_with = self._what.value, self._replace_with.value
        await _create_draft(self._services, interaction, picture, what, replace_with)


class _WordsForm(Form):
    """Asks what a picture should show, if that is still open."""

    def __init__(self, services: Services, draft_id: str, language: Language) -> None:
        super().__init__(Message.in_context("form", "Paint it"), language)
        self._services = services
        self._draft_id = draft_id
        self._words = words_input("replace_with", services.settings.limits.prompt_length)
        self.ask(_AFTERWARDS, self._words)

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Queue it."""
        await defer(interaction, in_place=True)
        await _paint(self._services, interaction, self._draft_id, self._words.value)


class _UploadForm(Form):
    """Asks for a mask that the person drew."""

    def __init__(self, services: Services, draft_id: str, language: Language) -> None:
        super().__init__(Message.in_context("form", "Upload my own mask"), language)
        self._services = services
        self._draft_id = draft_id
        self._file: ui.FileUpload[Any] = ui.FileUpload(custom_id="mask", max_values=1)
        self.ask(Message.in_context("field", "The mask"), self._file, job_text.MASK_FILE)

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Replace the draft's mask."""
        await defer(interaction, in_place=True)
        masks = self._services.masks
        draft = await masks.get(self._draft_id, interaction.user.id)
        if not self._file.values:
            raise UserError(Message("The form came without a file. Please choose one."))
        requester = Requester.of_interaction(interaction, "mask")
        changed = await masks.upload(requester, draft, Upload(self._file.values[0]))
        await _show(interaction, changed)


async def _create_draft(
    services: Services,
    interaction: discord.Interaction,
    picture: Upload,
    what: str | None,
    replace_with: str | None,
) -> None:
    """Look for something in a picture, and show the draft."""
    requester = Requester.of_interaction(interaction, "mask")
    new = await services.masks.find(requester, picture, what, replace_with)
    if new.draft.mask is not None:
        await _show(interaction, new.draft, new.notice)
        return
    text = job_text.not_found_text(what) if what else job_text.NO_MASK
    language = private_language(interaction)
    files = [] if new.relevance is None else [_relevance_file(new.relevance, new.draft, language)]
    text = joined("\n", (text, new.notice))
    await update_response(interaction, text, files, _buttons(new.draft, language))


def _relevance_file(content: bytes, draft: Draft, language: Language) -> Attachment:
    description = in_language(alt_texts.RELEVANCE, language)
    return Attachment("relevance.png", content, description, draft.spoiler)


async def _paint(
    services: Services, interaction: discord.Interaction, draft_id: str, prompt: str | None = None
) -> None:
    """Queue a draft, and replace it by the link to the job."""
    requester = Requester.of_interaction(interaction, "mask")
    queued = await services.masks.paint(requester, draft_id, prompt)
    if queued is not None:
        await answer_queued(interaction, queued, in_place=True)


async def _show(interaction: discord.Interaction, draft: Draft, notice: Message | str = "") -> None:
    language = private_language(interaction)
    share, files = await asyncio.to_thread(
        lambda: (draft_preview.selected_share(draft), draft_preview.preview_files(draft, language))
    )
    text = joined("\n", (job_text.draft_text(share, draft.replace_with), notice))
    await update_response(interaction, text, files, _buttons(draft, language))


def _buttons(draft: Draft, language: Language) -> ui.View:
    return buttons.button_view(_button(draft, action, language) for action in _LABELS)


def _button(draft: Draft, action: str, language: Language) -> ui.Button[Any]:
    is_main = action == "paint"
    return ui.Button(
        label=_LABELS[action].in_language(language),
        style=discord.ButtonStyle.primary if is_main else discord.ButtonStyle.secondary,
        custom_id=f"mask:{draft.id}:{action}",
        disabled=draft.mask is None and action not in _WITHOUT_MASK,
    )
