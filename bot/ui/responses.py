"""Responses that only the person who used a command, form or button sees.

Discord accepts a response for three seconds, or for 15 minutes once the command is acknowledged.
A response that can't be sent is logged, and nothing else fails.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import discord
from discord import app_commands

from bot.errors import FAULT, PromptTooLongError, UnknownWordsError, UserError, message_of
from bot.languages.message import Message, in_language
from bot.recent_keys import RecentKeys
from bot.ui.attachments import Attachment, discord_files
from bot.ui.discord_errors import (
    ALREADY_ACKNOWLEDGED,
    CALL_ERRORS,
    CALL_SECONDS,
    NETWORK_ERRORS,
    describe,
)
from bot.ui.formatting import pages
from bot.ui.reader_language import private_language
from bot.ui.typed_words import with_words
from bot.ui.unknown_words import question_view
from engine.errors import EngineError

log = logging.getLogger(__name__)

T = TypeVar("T")
Answer = discord.InteractionMessage | discord.WebhookMessage
"""A response that was sent."""

_STALE = Message(
    "I don't know this form or button any more: I was restarted, or it was open for too long. "
    "Please open it again."
)
_HANDLED, _ACKNOWLEDGED = "handled", "acknowledged"
"""Keys in an interaction's extras: that it was handled, and how it was acknowledged although
Discord's answer was lost."""
_MAX_MESSAGE = 2000
"""Maximum length of a message, in characters; set by Discord."""
_ANSWER_LATER = discord.InteractionResponseType.deferred_channel_message
_UPDATE_LATER = discord.InteractionResponseType.deferred_message_update
_MESSAGE = discord.InteractionResponseType.channel_message
_FORM = discord.InteractionResponseType.modal
_ACKNOWLEDGE_SECONDS = (0.7, 0.8, 1.0, 7.5)
"""Seconds for each attempt to acknowledge. Discord waits for three; when it has a fault, discord.py
would repeat the call later than that."""
_FORM_SECONDS = (1.3, 1.3, 7.4)
"""The same for a form, which discord.py knows only if its own call has an answer."""
_RESPONSE_PAUSES = (0.5, 2.0, 5.0, 10.0)
"""Seconds before a response is sent for the second time, the third time and so on."""


class UnacknowledgedError(Exception):
    """Discord did not accept the acknowledgement of a command, so no response can follow."""


async def defer(interaction: discord.Interaction, *, in_place: bool = False) -> None:
    """Acknowledge a command, form or button, whose response will follow.

    With `in_place` the response will replace the message whose button was pressed. Raises
    `UnacknowledgedError`, which ends the command without a response.
    """
    response = interaction.response
    kind = _UPDATE_LATER if in_place else _ANSWER_LATER
    await _acknowledge(
        interaction, kind, lambda: response.defer(ephemeral=True, thinking=not in_place)
    )


async def show_form(interaction: discord.Interaction, form: discord.ui.Modal) -> None:
    """Respond with a form; raise `UnacknowledgedError` if that fails."""
    await _acknowledge(interaction, _FORM, lambda: interaction.response.send_modal(form))


async def _acknowledge(
    interaction: discord.Interaction[Any],
    kind: discord.InteractionResponseType,
    call: Callable[[], Awaitable[object]],
) -> None:
    """Make the first call of an interaction, again if there is no answer soon.

    If Discord did what it was asked although its answer was lost, it says so the next time. An
    interaction that Discord delivers again counts as not acknowledged, so nothing follows.
    """
    handled: RecentKeys = interaction.client.services.events
    if not handled.add(("interaction", interaction.id)):
        raise UnacknowledgedError("it was delivered again")
    lost: Exception | None = None
    for seconds in _FORM_SECONDS if kind is _FORM else _ACKNOWLEDGE_SECONDS:
        try:
            async with asyncio.timeout(seconds):
                await call()
        except NETWORK_ERRORS as error:
            lost = error
        except discord.HTTPException as error:
            if lost is None or error.code != ALREADY_ACKNOWLEDGED:
                raise UnacknowledgedError(describe(error)) from error
            interaction.extras[_ACKNOWLEDGED] = kind
            return
        else:
            return
    raise UnacknowledgedError(describe(lost or TimeoutError())) from lost


def _acknowledged_as(
    interaction: discord.Interaction[Any],
) -> discord.InteractionResponseType | None:
    """Return how an interaction was acknowledged; None if it was not."""
    return interaction.response.type or interaction.extras.get(_ACKNOWLEDGED)


def mark_handled(interaction: discord.Interaction[Any]) -> None:
    """Mark an interaction as answered by a form or button; see `answer_stale_component`."""
    interaction.extras[_HANDLED] = True


async def answer_stale_component(interaction: discord.Interaction, seconds: float) -> None:
    """Answer a form or button of an earlier run of the program after so many seconds.

    discord.py drops presses of components that it does not know, and after three seconds Discord
    would show that the application did not respond.
    """
    kinds = (discord.InteractionType.modal_submit, discord.InteractionType.component)
    if interaction.type not in kinds or _HANDLED in interaction.extras:
        return
    await asyncio.sleep(seconds)
    if _HANDLED not in interaction.extras and _acknowledged_as(interaction) is None:
        log.info("a form or button was stale", extra={"kind": interaction.type.name})
        await send_response(interaction, *with_words(_STALE, interaction))


async def answer_error(interaction: discord.Interaction[Any], error: Exception) -> None:
    """Tell only the person why a command, form or button failed, and log it."""
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    command = interaction.command.qualified_name if interaction.command else interaction.type.name
    if isinstance(cause, UnacknowledgedError):
        log.warning(
            "a command was not acknowledged", extra={"command": command, "cause": str(cause)}
        )
        return
    text = explain(cause, command, interaction.user.id, interaction.guild_id)
    if isinstance(cause, UnknownWordsError):
        view = question_view(cause, private_language(interaction))
        await send_response(interaction, text, view=view)
        return
    # Discord lets people copy a command that they gave, but what they typed into a form is lost.
    is_form = interaction.type is discord.InteractionType.modal_submit
    is_refusal = isinstance(cause, UserError | EngineError)
    if is_refusal and (is_form or isinstance(cause, PromptTooLongError)):
        await send_response(interaction, *with_words(text, interaction))
    else:
        await respond(interaction, text)


async def respond(interaction: discord.Interaction, text: Message | str) -> None:
    """Respond to a command, or replace its response; log a failure.

    The response to a button is a message of its own, below the one with the button.
    """
    await send_response(interaction, text)


async def respond_in_parts(
    interaction: discord.Interaction, parts: Iterable[Message | str]
) -> None:
    """Respond with texts below each other, in further responses where one cannot hold them."""
    first, *others = pages(filter(None, parts), private_language(interaction), _MAX_MESSAGE)
    await send_response(interaction, first)
    if _acknowledged_as(interaction) is None:
        return
    for each in others:
        try:
            await repeated(partial(interaction.followup.send, each, ephemeral=True))
        except CALL_ERRORS as error:
            log.warning("a response was not sent", extra={"cause": describe(error)})


async def send_response(
    interaction: discord.Interaction,
    text: Message | str,
    attachments: Sequence[Attachment] = (),
    view: discord.ui.View = discord.utils.MISSING,
) -> Answer | None:
    """Respond like `respond`, and return the response, which can be changed for 15 minutes.

    None if that failed, or if nothing was acknowledged before.
    """

    def files() -> list[discord.File]:
        return discord_files(*attachments) or discord.utils.MISSING  # each call uses them up

    kind, response = _acknowledged_as(interaction), interaction.response
    content = in_language(text, private_language(interaction))
    try:
        if kind is None:
            await _acknowledge(
                interaction,
                _MESSAGE,
                lambda: response.send_message(content, ephemeral=True, files=files(), view=view),
            )
        elif kind is _UPDATE_LATER:
            send = interaction.followup.send
            return await repeated(
                lambda: send(content, ephemeral=True, files=files(), view=view, wait=True)
            )
        else:
            edit = interaction.edit_original_response
            return await repeated(lambda: edit(content=content, attachments=files(), view=view))
    except (UnacknowledgedError, *CALL_ERRORS) as error:
        log.warning("a response was not sent", extra={"cause": describe(error)})
    return None


async def update_response(
    interaction: discord.Interaction,
    text: Message | str,
    attachments: Sequence[Attachment] = (),
    view: discord.ui.View | None = None,
) -> None:
    """Replace the response to an acknowledged command, with files and buttons; log a failure."""
    await replace_response(interaction, text, attachments, view)


async def replace_response(
    interaction: discord.Interaction,
    text: Message | str,
    attachments: Sequence[Attachment] = (),
    view: discord.ui.View | None = None,
) -> Answer | None:
    """Do what `update_response` does, and return the response; None if that failed."""
    content = in_language(text, private_language(interaction))
    try:
        return await repeated(
            lambda: interaction.edit_original_response(
                content=content, attachments=discord_files(*attachments), view=view
            )
        )
    except CALL_ERRORS as error:
        log.warning("a response was not sent", extra={"cause": describe(error)})
    return None


async def repeated(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call, again where the connection to Discord was lost, but do not wait for ever."""
    async with asyncio.timeout(CALL_SECONDS):
        for pause in _RESPONSE_PAUSES:
            try:
                return await call()
            except NETWORK_ERRORS:
                await asyncio.sleep(pause)
        return await call()


def explain(error: Exception, command: str, person: int, server: int | None) -> Message:
    """Log an error of a command, and return what tells the person about it."""
    asked = {"command": command, "person": person, "server": server}
    extra = {**asked, "cause": describe(error)}
    match error:
        case UnknownWordsError():  # it quotes the prompt
            log.info("a prompt led to a question", extra=asked)
            return message_of(error)
        case UserError() | EngineError():
            log.info("a command was refused", extra=extra)
            return message_of(error)
        case app_commands.TransformerError() | app_commands.CommandSignatureMismatch():
            log.warning("a command was not understood", extra=extra)
            return Message("I didn't understand that. Please run the command again.")
        case app_commands.CheckFailure():
            log.info("a command was refused", extra=extra)
            return Message("You can't use this command here.")
        case _:
            log.error("a command failed", extra=extra, exc_info=error)
            return FAULT
