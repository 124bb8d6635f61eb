"""Answers that only the person who gave a command sees, above all that it cannot be carried out.

Discord takes an answer for a few seconds, and once it is acknowledged, for a quarter of an hour.
An answer that does not arrive harms nothing else: it is logged.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import discord
from discord import app_commands

from bot import errors
from bot.errors import FAULT, UserError
from bot.ui.attachments import Attachment, discord_files
from bot.ui.discord_errors import CALL_ERRORS, describe
from engine.errors import EngineError

log = logging.getLogger(__name__)

BRIEF_SECONDS = 30.0
"""How long words stay that only one person needs and everybody sees."""
LEFTOVER_SECONDS = 2.0
"""After which nobody takes a press any more."""
_LEFT_OVER = (
    "I do not know this form or button any more: I have been restarted, or it was open for too "
    "long. Please open it anew."
)
_TAKEN = "taken"
"""Key of an interaction's extras."""
AnyMessage = discord.Message | discord.PartialMessage


class UnacknowledgedError(Exception):
    """A command is not acknowledged: it counts as failed, and takes no answer any more."""


async def defer(interaction: discord.Interaction, *, in_place: bool = False) -> None:
    """Tell Discord that an answer will come, or end the command: its error needs no answer.

    `in_place` it comes in the message whose button was pressed, which is as it was until then.
    """
    try:
        await interaction.response.defer(ephemeral=True, thinking=not in_place)
    except CALL_ERRORS as error:
        raise UnacknowledgedError(describe(error)) from error


async def show_form(interaction: discord.Interaction, form: discord.ui.Modal) -> None:
    """Answer with a form, or end the command."""
    try:
        await interaction.response.send_modal(form)
    except CALL_ERRORS as error:
        raise UnacknowledgedError(describe(error)) from error


def mark_handled(interaction: discord.Interaction[Any]) -> None:
    """Say that this will be answered; see `answer_stale_component`."""
    interaction.extras[_TAKEN] = True


async def answer_stale_component(interaction: discord.Interaction) -> None:
    """Answer a form or a button that was open when an earlier run of the program ended.

    discord.py drops what it knows no form or view for, and Discord says after three seconds that
    the application did not respond.
    """
    kinds = (discord.InteractionType.modal_submit, discord.InteractionType.component)
    if interaction.type not in kinds or _TAKEN in interaction.extras:
        return
    await asyncio.sleep(LEFTOVER_SECONDS)
    if _TAKEN not in interaction.extras and not interaction.response.is_done():
        log.info("left over", extra={"kind": interaction.type.name})
        await respond(interaction, _LEFT_OVER)


async def answer_error(interaction: discord.Interaction[Any], error: Exception) -> None:
    """Tell the person, and nobody else, why a command, form or button failed, and log it."""
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    command = interaction.command.qualified_name if interaction.command else interaction.type.name
    if isinstance(cause, UnacknowledgedError):
        log.warning("not acknowledged", extra={"command": command, "cause": str(cause)})
        return
    await respond(interaction, _explain(cause, command))


@asynccontextmanager
async def errors_replied(
    message: AnyMessage, command: str, user_id: int | None = None
) -> AsyncIterator[None]:
    """Reply to a message with the error that a listener raised; the reply deletes itself.

    `user_id` is the person to mention, if it is not the author of the message.
    """
    try:
        yield
    except Exception as error:
        name = "" if user_id is None else f"<@{user_id}> "
        await reply_briefly(message, f"{name}{_explain(error, command)}")


async def reply_briefly(message: AnyMessage, text: str) -> None:
    """Reply to a message without calling anybody, and take it back soon; a failure is logged."""
    try:
        await message.reply(text, delete_after=BRIEF_SECONDS)
    except CALL_ERRORS as error:
        log.warning("a reply did not arrive", extra={"cause": describe(error), "answer": text})


async def respond(interaction: discord.Interaction, text: str) -> None:
    """Answer a command, or replace the answer that it has; a failure is logged.

    Whoever pressed a button is answered below the message that holds it.
    """
    try:
        if not interaction.response.is_done():
            await interaction.response.send_message(text, ephemeral=True)
        elif interaction.response.type is discord.InteractionResponseType.deferred_message_update:
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.edit_original_response(content=text)
    except CALL_ERRORS as error:
        log.warning("an answer did not arrive", extra={"cause": describe(error), "answer": text})


async def update_response(
    interaction: discord.Interaction,
    text: str,
    attachments: Sequence[Attachment] = (),
    view: discord.ui.View | None = None,
) -> None:
    """Put files and buttons into the answer that was acknowledged, too; a failure is logged."""
    files = discord_files(*attachments)
    try:
        await interaction.edit_original_response(content=text, attachments=files, view=view)
    except CALL_ERRORS as error:
        log.warning("an answer did not arrive", extra={"cause": describe(error), "answer": text})


def _explain(error: Exception, command: str) -> str:
    """Log an error, and return the sentence that tells the person about it."""
    extra = {"command": command, "cause": describe(error)}
    match error:
        case UserError() | EngineError():
            log.info("refused", extra=extra)
            return errors.sentence(str(error))
        case app_commands.TransformerError() | app_commands.CommandSignatureMismatch():
            log.warning("misunderstood", extra=extra)
            return "I didn't understand that. Please run the command again."
        case app_commands.CheckFailure():
            log.info("refused", extra=extra)
            return "You can't use this command here."
        case _:
            log.error("failed", extra=extra, exc_info=error)
            return FAULT
