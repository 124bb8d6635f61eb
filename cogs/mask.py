"""`/mask`, and the menu *Mask something in it*: a part of a picture, found by words, painted anew.

What was found is a draft that only whoever asked for it sees. Its buttons change it and have it
painted, after a restart of the bot too.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands, ui
from discord.ext import commands
from PIL import Image

from bot import errors
from bot.client import PaintingBot
from bot.errors import UserError
from bot.jobs.draft import Draft
from bot.services import Services
from bot.submission.edits import EditOptions
from bot.submission.policy import check_prompt
from bot.submission.requester import Requester
from bot.ui import buttons, draft_preview, job_text
from bot.ui.attachments import Attachment
from bot.ui.base import Form, PersistentButton
from bot.ui.draft_preview import GROWTH
from bot.ui.forms import PictureForm, words_input
from bot.ui.responses import defer, show_form, update_response
from engine.editing.edit_recipe import FEATHER, dilate, read_mask, read_source
from engine.recipes.prompts import parse_prompts

if TYPE_CHECKING:
    from engine.editing.text_masks import TextMask
    from engine.models.loading import Models

MENU = "Mask something in it"
_LONGEST_ID = 18
"""Digits of a draft's number, at most."""


class MaskAction(StrEnum):
    """What a button does with a draft."""

    PAINT = "paint"
    WIDER = "wider"
    NARROWER = "narrower"
    INVERT = "invert"
    UPLOAD = "upload"
    CANCEL = "cancel"


_LABELS: Mapping[MaskAction, str] = {
    MaskAction.PAINT: "Paint it",
    MaskAction.WIDER: "Wider",
    MaskAction.NARROWER: "Narrower",
    MaskAction.INVERT: "Invert",
    MaskAction.UPLOAD: "Upload my own mask",
    MaskAction.CANCEL: "Cancel",
}
_WITHOUT_MASK = frozenset((MaskAction.UPLOAD, MaskAction.CANCEL))
"""What can be done with a draft that has no mask yet."""


class Mask(commands.Cog):
    """Find a part of a picture, and have it painted anew."""

    def __init__(self, bot: PaintingBot) -> None:
        self._bot = bot
        self._services = bot.services
        self._menu = app_commands.ContextMenu(name=MENU, callback=self.open_form)

    async def cog_load(self) -> None:
        """Add the menu and the buttons, which discord.py does not find by itself."""
        self._bot.tree.add_command(self._menu)
        self._bot.add_dynamic_items(DraftButton)

    async def cog_unload(self) -> None:
        """Take both away again."""
        self._bot.tree.remove_command(self._menu.name, type=self._menu.type)
        self._bot.remove_dynamic_items(DraftButton)

    @app_commands.command()
    @app_commands.describe(
        image="The picture",
        what="What to look for in it, such as: the red circle. Without it you upload a mask",
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
        picture = await self._services.uploads.read(image)
        await _create_draft(self._services, interaction, picture, what, replace_with)

    async def open_form(self, interaction: discord.Interaction, message: discord.Message) -> None:
        """Ask what to look for in a message's picture."""
        form = _MaskForm(self._services, message)
        await self._services.edits.check_may_edit(message, interaction.user.id)
        await show_form(interaction, form)


class DraftButton(PersistentButton, template=r"mask:(?P<draft>.*):(?P<action>.*)"):
    """Does something with a draft; the custom id says what, and with which draft."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says, for whoever the draft belongs to."""
        services: Services = interaction.client.services
        draft = await _own_draft(services, interaction, self.match["draft"])
        if draft.mask is None and self.match["action"] not in _WITHOUT_MASK:
            raise UserError("There is no mask yet: upload one.")
        match self.match["action"]:
            case MaskAction.PAINT if draft.replace_with is None:
                await show_form(interaction, _WordsForm(services, self.match["draft"]))
            case MaskAction.UPLOAD:
                await show_form(interaction, _UploadForm(services, self.match["draft"]))
            case _:
                await defer(interaction, in_place=True)
                await self._act(services, interaction, draft)

    async def _act(
        self, services: Services, interaction: discord.Interaction, draft: Draft
    ) -> None:
        match self.match["action"]:
            case MaskAction.PAINT:
                await _paint(services, interaction, draft)
            case MaskAction.WIDER:
                changed = await asyncio.to_thread(draft_preview.widen, draft, GROWTH)
                await _save_and_show(services, interaction, changed)
            case MaskAction.NARROWER:
                changed = await asyncio.to_thread(draft_preview.widen, draft, -GROWTH)
                await _save_and_show(services, interaction, changed)
            case MaskAction.INVERT:
                changed = await asyncio.to_thread(draft_preview.invert, draft)
                await _save_and_show(services, interaction, changed)
            case MaskAction.CANCEL:
                await services.store.drafts.delete(draft.id)
                await update_response(interaction, "Cancelled.")
            case _:
                raise UserError(buttons.UNKNOWN)


class _MaskForm(PictureForm):
    """What to look for in a picture, and what to paint there."""

    def __init__(self, services: Services, message: discord.Message) -> None:
        super().__init__(MENU, message)
        self._services = services
        limit = services.settings.limits.prompt_length
        self._what = words_input("what", limit, required=False)
        self._replace_with = words_input("replace_with", limit, required=False)
        self.ask("What shall I look for?", self._what, "Leave it empty to upload a mask")
        self.ask("What should the picture show afterwards?", self._replace_with)
        self.ask_which()

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Look for it."""
        await defer(interaction)
        picture = await self._services.uploads.read(self.picture, self.message)
        what, replace_with = self._what.value, self._replace_with.value
        await _create_draft(self._services, interaction, picture, what, replace_with)


class _WordsForm(Form):
    """What a picture should show, where that was not said before."""

    def __init__(self, services: Services, draft_id: str) -> None:
        super().__init__(_LABELS[MaskAction.PAINT])
        self._services = services
        self._draft_id = draft_id
        self._words = words_input("replace_with", services.settings.limits.prompt_length)
        self.ask("What should the picture show afterwards?", self._words)

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Queue it."""
        await defer(interaction, in_place=True)
        draft = await _own_draft(self._services, interaction, self._draft_id)
        await _paint(self._services, interaction, replace(draft, replace_with=self._words.value))


class _UploadForm(Form):
    """A mask that somebody drew."""

    def __init__(self, services: Services, draft_id: str) -> None:
        super().__init__(_LABELS[MaskAction.UPLOAD])
        self._services = services
        self._draft_id = draft_id
        self._file: ui.FileUpload[Any] = ui.FileUpload(custom_id="mask", max_values=1)
        self.ask(
            "The mask",
            self._file,
            "A picture of the same shape: white is changed, black stays as it is",
        )

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Take it in place of the draft's."""
        await defer(interaction, in_place=True)
        draft = await _own_draft(self._services, interaction, self._draft_id)
        if not self._file.values:
            raise UserError("No file came with the form.")
        content = await self._services.uploads.read(self._file.values[0])
        mask = await asyncio.to_thread(_drawn, draft, content)
        await _save_and_show(self._services, interaction, replace(draft, mask=mask))


async def _create_draft(
    services: Services,
    interaction: discord.Interaction,
    picture: bytes,
    what: str | None,
    replace_with: str | None,
) -> None:
    """Look for something in a picture, and show the draft that comes of it."""
    if replace_with:
        check_prompt(replace_with, services.settings.limits)
        await services.policy.check_words(Requester.of_interaction(interaction), replace_with)
        parse_prompts(replace_with)
    source, notice = await asyncio.to_thread(read_source, picture)
    mask, relevance = await _find_mask(services, source, what) if what else (None, [])
    kept = await asyncio.to_thread(draft_preview.encode_png, source)
    draft = await services.store.drafts.add(interaction.user.id, kept, mask, replace_with or None)
    notices = [errors.sentence(notice)] if notice else []
    if mask is not None:
        await _show(interaction, draft, *notices)
        return
    text = job_text.not_found_text(what) if what else job_text.NO_MASK
    await update_response(interaction, "\n".join((text, *notices)), relevance, _buttons(draft))


async def _find_mask(
    services: Services, source: Image.Image, what: str
) -> tuple[bytes | None, list[Attachment]]:
    """The mask of what is named; if there is none, a map of where it might be."""

    def look(models: "Models") -> "TextMask":
        from engine.editing.text_masks import find_mask  # imports torch, hence in the engine thread

        return find_mask(source, what, models)

    found = await asyncio.wrap_future(services.worker.call_with_models(look))
    if not found.found:
        relevance = await asyncio.to_thread(draft_preview.encode_png, found.relevance)
        return None, [Attachment("relevance.png", relevance, job_text.RELEVANCE_ALT_TEXT)]
    # The soft edge lies inside, and with less of it a rim of what was there is left.
    mask = await asyncio.to_thread(
        lambda: draft_preview.encode_png(dilate(found.mask, GROWTH + FEATHER))
    )
    return mask, []


async def _own_draft(services: Services, interaction: discord.Interaction, draft_id: str) -> Draft:
    """The draft with a number; raises `UserError` unless it is there, and the person's own."""
    is_number = draft_id.isascii() and draft_id.isdecimal() and len(draft_id) <= _LONGEST_ID
    draft = await services.store.drafts.get(int(draft_id)) if is_number else None
    if draft is None:
        raise UserError("That mask is not there any more. Ask for it anew with `/mask`.")
    if draft.author_id != interaction.user.id:
        raise UserError("That mask belongs to somebody else. Make one of your own with `/mask`.")
    return draft


async def _paint(services: Services, interaction: discord.Interaction, draft: Draft) -> None:
    """Queue a draft, once, and put the answer in its place."""
    if not await services.store.drafts.delete(draft.id):
        return  # its button was pressed twice
    try:
        wish = EditOptions(draft.replace_with or "")
        requester = Requester.of_interaction(interaction)
        queued = await services.edits.queue(requester, wish, draft.source, draft.mask)
    except BaseException:
        await services.store.drafts.put(draft)
        raise
    await update_response(interaction, str(queued))


async def _save_and_show(
    services: Services, interaction: discord.Interaction, draft: Draft
) -> None:
    """Store a draft that was changed, and show it."""
    await services.store.drafts.put(draft)
    await _show(interaction, draft)


async def _show(interaction: discord.Interaction, draft: Draft, *notices: str) -> None:
    share, files = await asyncio.to_thread(
        lambda: (draft_preview.selected_share(draft), draft_preview.preview_files(draft))
    )
    text = "\n".join((job_text.draft_text(share, draft.replace_with), *notices))
    await update_response(interaction, text, files, _buttons(draft))


def _buttons(draft: Draft) -> ui.View:
    return buttons.button_view(_button(draft, action) for action in MaskAction)


def _button(draft: Draft, action: MaskAction) -> ui.Button[Any]:
    is_main = action is MaskAction.PAINT
    return ui.Button(
        label=_LABELS[action],
        style=discord.ButtonStyle.primary if is_main else discord.ButtonStyle.secondary,
        custom_id=f"mask:{draft.id}:{action}",
        disabled=draft.mask is None and action not in _WITHOUT_MASK,
    )


def _drawn(draft: Draft, content: bytes) -> bytes:
    source, _ = read_source(draft.source)
    return draft_preview.encode_png(read_mask(content, source.size))


async def setup(bot: PaintingBot) -> None:
    """Add the cog; discord.py calls this when it loads the module."""
    await bot.add_cog(Mask(bot))
