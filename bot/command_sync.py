"""Tell Discord which commands there are, in the background, until it knows them."""

import asyncio
import hashlib
import json
import logging
from typing import Any

import discord
from discord import app_commands
from sqlalchemy.exc import DBAPIError

from bot.storage.key_values import KeyValueRepository
from bot.ui.discord_errors import NETWORK_ERRORS, describe, is_transient, wait_before_repeating

log = logging.getLogger(__name__)

_AnyCommand = app_commands.Command[Any, ..., Any] | app_commands.Group | app_commands.ContextMenu

_SYNCED = "commands"
"""Key under which the store keeps a digest of the commands that were synced last."""
_LONGEST_PAUSE = 600.0
"""Maximum seconds between two attempts."""


async def sync_commands(
    tree: app_commands.CommandTree[discord.Client], stored: KeyValueRepository, pause: float
) -> None:
    """Sync the commands if they changed: Discord allows 200 new commands a day.

    `pause` is the number of seconds before the second attempt; later ones grow. If Discord refuses
    the commands, it keeps those that it knows.
    """
    while True:
        try:
            return await _sync(tree, stored)
        except DBAPIError as error:
            cause: Exception = error
        except (discord.HTTPException, *NETWORK_ERRORS) as error:
            if isinstance(error, discord.HTTPException) and not is_transient(error):
                log.error("Discord refuses the commands", extra={"cause": describe(error)})
                return None
            cause = error
        wait = wait_before_repeating(cause, pause)
        extra = {"cause": describe(cause), "seconds": round(wait)}
        log.warning("commands were not synced, trying again", extra=extra)
        await asyncio.sleep(wait)
        pause = min(_LONGEST_PAUSE, 2 * pause)


async def _sync(tree: app_commands.CommandTree[discord.Client], stored: KeyValueRepository) -> None:
    payload = [await _translated(command, tree) for command in tree.get_commands()]
    text = json.dumps([tree.client.application_id, payload], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()
    if await stored.get(_SYNCED) == digest:
        return
    # `tree.sync()` would translate all of it again, and read what Discord answers.
    application_id = tree.client.application_id
    assert application_id is not None  # the client is logged in
    await tree.client.http.bulk_upsert_global_commands(application_id, payload=payload)
    await stored.set(_SYNCED, digest)
    log.info("commands synced", extra={"commands": len(payload)})


async def _translated(
    command: _AnyCommand, tree: app_commands.CommandTree[discord.Client]
) -> dict[str, Any]:
    """Return what Discord gets of a command, in all languages."""
    if tree.translator is None:
        return command.to_dict(tree)
    return await command.get_translated_payload(tree, tree.translator)
