"""Migrate a database's tables to those that this program uses.

Alembic's scripts are in `versions`, numbered in their order; each is one transaction. A new one
starts as a copy of `script.py.mako` and names its predecessor. A database that a newer program has
changed is refused; that program can bring it back to an earlier revision, as far as its scripts say
how (`downgrade`), and tells the host what each of them `loses`.
"""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bot.storage.tables import Base
from engine.errors import SettingsError

log = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent
_OLDEST_TARGET = "0006"
"""The oldest revision to which there is a way back."""


def create(connection: Connection) -> None:
    """Make all tables in a database that has none, as they are after the newest migration."""
    Base.metadata.create_all(connection, checkfirst=False)
    command.stamp(_config(connection), "head")
    log.info("the database is new")


def migrate(connection: Connection) -> None:
    """Bring the database of a connection up to date.

    Raises `SettingsError`, which names both versions, if a newer program has changed the database;
    and if a migration fails, after which the transaction of the connection must not be committed.
    """
    config = _config(connection)
    newest = newest_revision()
    current = revision_of(connection)
    if current == newest:  # the upgrade would read all scripts again
        return
    try:
        command.upgrade(config, "head")
    except DBAPIError:
        raise
    except Exception as error:  # whatever the code of a migration can raise
        raise SettingsError(
            f"the database cannot be migrated from {current or 'its beginnings'} to {newest}, and "
            f"stays as it is: {type(error).__name__}: {error}"
        ) from error
    if current:
        revisions = {"former_revision": current, "revision": newest}
        log.info("the database was migrated", extra=revisions)


def losses(current: str, target: str) -> list[str]:
    """Return what is lost on the way from a revision back to an earlier one, newest first.

    Raises `SettingsError` if there is no way back.
    """
    if target >= current or not is_known(target) or not target:
        raise SettingsError(
            f"the database has revision {current or 'none'}: name an earlier one, such as "
            f"{_OLDEST_TARGET}, not {target!r}"
        )
    lost: list[str] = []
    for script in _scripts().iterate_revisions(current, target):
        if not hasattr(script.module, "downgrade"):
            raise SettingsError(
                f"revision {script.revision} cannot be undone, only those down to "
                f"{_OLDEST_TARGET}: restore a backup from before it"
            )
        if script.module.loses:
            lost.append(script.module.loses)
    return lost


def downgrade(connection: Connection, target: str) -> None:
    """Bring the database of a connection back to an earlier revision."""
    command.downgrade(_config(connection), target)


def upgrade(connection: Connection, target: str) -> None:
    """Bring the database of a connection to a later revision, which need not be the newest."""
    command.upgrade(_config(connection), target)


def newest_revision() -> str:
    """Return the revision that this program works with."""
    return _scripts().get_current_head() or ""


def is_known(revision: str) -> bool:
    """Return whether this program can migrate a database of a revision; "" is the oldest."""
    return not revision or revision in {script.revision for script in _scripts().walk_revisions()}


def revision_of(connection: Connection) -> str:
    """Return the revision of a database, "" for one from before there were any.

    Raises `SettingsError`, which names both versions, if a newer program has changed the database.
    """
    current = MigrationContext.configure(connection).get_current_heads()
    for found in current:
        if not is_known(found):
            raise SettingsError(
                f"the database has version {found!r}, and this program knows none after "
                f"{newest_revision()}: it belongs to a newer program. Update this one, or name "
                "another database"
            )
    return current[0] if current else ""


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_FOLDER))


def require_newest(connection: Connection) -> None:
    """Raise `SettingsError` unless the database of a connection is up to date."""
    newest = newest_revision()
    current = MigrationContext.configure(connection).get_current_heads()
    if current != (newest,):
        raise SettingsError(
            f"storage.url: other processes of the bot use the database with version {current}, "
            f"and this one needs {newest}: end all of them, then start them with the same program"
        )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
