"""Migrate a database's tables to those that this program uses.

Alembic's scripts are in `versions`, numbered in their order; each is one transaction. A new one
starts as a copy of `script.py.mako` and names its predecessor. There are no downgrades: a database
that a newer program has changed is refused.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bot.storage.tables import Base
from engine.errors import SettingsError

_FOLDER = Path(__file__).parent


def create(connection: Connection) -> None:
    """Make all tables in a database that has none, as they are after the newest migration."""
    Base.metadata.create_all(connection, checkfirst=False)
    command.stamp(_config(connection), "head")


def migrate(connection: Connection) -> None:
    """Bring the database of a connection up to date.

    Raises `SettingsError`, which names both versions, if a newer program has changed the database.
    """
    config = _config(connection)
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    known = {script.revision for script in scripts.walk_revisions()}
    current = MigrationContext.configure(connection).get_current_heads()
    for found in current:
        if found not in known:
            raise SettingsError(
                f"the database has version {found!r}, and this program knows none after {newest}: "
                "it belongs to a newer program. Update this one, or name another database"
            )
    if current != (newest,):  # the upgrade would read all scripts again
        command.upgrade(config, "head")


def require_newest(connection: Connection) -> None:
    """Raise `SettingsError` unless the database of a connection is up to date."""
    newest = ScriptDirectory.from_config(_config(connection)).get_current_head()
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
