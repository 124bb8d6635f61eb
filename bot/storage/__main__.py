"""`python -m bot.storage`: back up, restore, check and copy what is stored."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from bot.config import read_settings
from bot.storage.copying import copy
from bot.storage.digests import Digest
from bot.storage.maintenance.archive import About
from bot.storage.maintenance.backup import backup
from bot.storage.maintenance.check import check
from bot.storage.maintenance.downgrading import bring_back
from bot.storage.maintenance.restore import restore
from bot.storage.places import named_place, place_of
from engine.config_file import DEFAULT_PATH, hide_logins
from engine.errors import EngineError

_DAMAGED, _FAILED = 1, 2
_PLACES = """
FROM and TO are each a folder, as storage.folder names it, or a URL "postgresql://…", or @FILE for
a file that contains the URL, so that its password is not seen by others on the machine. End the bot
first; back up what you copy. TO must be new: an empty database, or a folder without one.
"""
_BACKUP = """
Write everything into FILE, at one moment, while the bot runs. FILE appears when it is complete;
only your account can read it.
"""
_RESTORE = """
Restore FILE into a folder without a database, or into an empty database of Postgres. End the bot
first. What was restored is compared with what was backed up.
"""
_CHECK = """
Read everything, also while the bot runs, and say what is damaged: the database itself, rows without
what they belong to, checkpoints and attached pictures that differ from their digests, and pictures
that cannot be decoded. The exit code is 0 if nothing is, 1 if something is, 2 if it cannot be read.
"""
_DOWNGRADE = """
Bring the database back to the revision of an older program. End the bot and back up first.
"""
Command = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot.storage", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("copy", help="copy all to another database", description=_PLACES)
    command.add_argument("source", metavar="FROM")
    command.add_argument("target", metavar="TO")
    command.set_defaults(run=_copy)
    command = commands.add_parser("backup", help="write all into a file", description=_BACKUP)
    command.add_argument("file", metavar="FILE", type=Path)
    command.add_argument("--force", action="store_true", help="replace FILE if it exists")
    _add_place(command, _backup)
    command = commands.add_parser("restore", help="restore a backup", description=_RESTORE)
    command.add_argument("file", metavar="FILE", type=Path)
    help_text = "replace the database that is there, once the new one is complete"
    command.add_argument("--force", action="store_true", help=help_text)
    _add_place(command, _restore)
    command = commands.add_parser("check", help="look for damage", description=_CHECK)
    _add_place(command, _check)
    command = commands.add_parser("downgrade", help="for an older program", description=_DOWNGRADE)
    command.add_argument("revision", metavar="REVISION", help='such as "0016"')
    command.add_argument("--yes", action="store_true", help="lose what the older one cannot hold")
    _add_place(command, _downgrade)
    return parser


def _add_place(command: argparse.ArgumentParser, run: Command) -> None:
    """Add the options that name a database, by default the one of the settings."""
    command.set_defaults(run=run)
    command.add_argument(
        "--database",
        metavar="PLACE",
        help='a folder, a URL "postgresql://…", or @FILE for a file that contains the URL '
        "(default: what the settings name)",
    )
    command.add_argument("--config", type=Path, help=f"settings file (default: {DEFAULT_PATH})")


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(options.run(options))
    except EngineError as error:
        print(f"error: {hide_logins(str(error))}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print("ended: nothing was changed", file=sys.stderr)
        return _FAILED


async def _copy(options: argparse.Namespace) -> int:
    await copy(named_place(options.source), named_place(options.target), _report)
    print("Everything was copied and compared. Set storage.url or storage.folder, start the bot.")
    return 0


async def _backup(options: argparse.Namespace) -> int:
    about = await backup(_place(options), options.file, force=options.force)
    rows = sum(count for count, _ in about.tables.values())
    print(f"{rows} rows were backed up, {_describe(about)}.")
    return 0


async def _restore(options: argparse.Namespace) -> int:
    about = await restore(options.file, _place(options), _report, force=options.force)
    print(f"Everything was restored and compared, {_describe(about)}. Start the bot.")
    return 0


async def _check(options: argparse.Namespace) -> int:
    findings = await check(_place(options), print)
    for table, rows in findings.rows.items():
        print(f"{table:18} {rows:9} rows")
    count = findings.end()
    found = "1 problem was found." if count == 1 else f"{count} problems were found."
    print(found if count else "Nothing is damaged.")
    return _DAMAGED if count else 0


async def _downgrade(options: argparse.Namespace) -> int:
    before = await bring_back(_place(options), options.revision, may_lose=options.yes)
    print(f"The database had revision {before}, and has {options.revision} now.")
    return 0


def _place(options: argparse.Namespace) -> str:
    if options.database is not None:
        return named_place(options.database)
    storage = read_settings(options.config).storage
    return place_of(storage.folder, storage.url)


def _describe(about: About) -> str:
    when = f"{about.created_at:%Y-%m-%d %H:%M:%S %Z}"
    return f"as of {when}: program {about.version}, database revision {about.revision or 'none'}"


def _report(table: str, digest: Digest) -> None:
    print(f"{table:18} {digest.rows:9} rows   {digest.total:064x}")


if __name__ == "__main__":
    # Whoever ends the program, as timers do that have waited too long, leaves nothing half done.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
