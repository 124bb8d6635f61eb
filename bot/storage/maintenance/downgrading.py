"""Bring a database back to the revision of an earlier program."""

from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bot.storage.maintenance.reading import LONG_SECONDS, open_for_reading, revision
from bot.storage.migrations import downgrade, losses
from bot.storage.places import is_url
from bot.storage.postgres import open_locked
from bot.storage.sqlite import DATABASE, change_file, locked_folder
from bot.timings import Timings
from engine.errors import SettingsError


async def bring_back(place: str, target: str, *, may_lose: bool) -> str:
    """Undo all migrations after a revision, in one transaction; return the revision before that.

    Raises `SettingsError` if a bot uses the database or there is no way back; and if something is
    lost on the way, unless it `may_lose` that.
    """
    async with open_for_reading(place) as connection:
        current = await revision(connection)
    if (lost := losses(current, target)) and not may_lose:
        told = "; ".join(lost)
        raise SettingsError(
            f"back at revision {target} the database has lost: {told}. Back it up first "
            "(`python -m bot.storage backup`); then repeat this with --yes"
        )

    def undo(connection: Connection) -> None:
        downgrade(connection, target)

    if is_url(place):
        await _undo_postgres(place, target)
    else:
        with locked_folder(Path(place)):
            change_file(Path(place) / DATABASE, Timings.locked_seconds, undo)
    return current


async def _undo_postgres(url: str, target: str) -> None:
    opening = open_locked(url, Timings.locked_seconds, waits=False, command_seconds=LONG_SECONDS)
    async with opening as (engine, _):
        try:
            async with engine.begin() as connection:
                await connection.run_sync(downgrade, target)
        except DBAPIError as error:
            raise SettingsError(f"nothing was changed: {error.orig}") from error
