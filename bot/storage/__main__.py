"""`python -m bot.storage copy FROM TO`: copy what is stored between SQLite and Postgres."""

import argparse
import asyncio
import sys
from pathlib import Path

from bot.storage.copying import Digest, copy
from engine.config_file import hide_logins
from engine.errors import EngineError, SettingsError
from engine.files import decode_text, quoted, read_bounded

_FAILED = 2
_MAX_URL_BYTES = 4096
_PLACES = """
FROM and TO are each a folder, as storage.folder names it, or a URL "postgresql://…", or @FILE for
a file that contains the URL, so that its password is not seen by others on the machine. End the bot
first; back up what you copy. TO must be new: an empty database, or a folder without one.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot.storage", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("copy", help="copy all that is stored", description=_PLACES)
    command.add_argument("source", metavar="FROM")
    command.add_argument("target", metavar="TO")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(copy(_place(options.source), _place(options.target), _report))
    except EngineError as error:
        print(f"error: {hide_logins(str(error))}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print("ended: nothing was copied, the target is empty", file=sys.stderr)
        return _FAILED
    print("Everything was copied and compared. Set storage.url or storage.folder, start the bot.")
    return 0


def _place(text: str) -> str:
    """Return a folder or a URL, which may be in a file."""
    if not text.startswith("@"):
        return text
    path = Path(text[1:])
    try:
        url = decode_text(read_bounded(path, limit=_MAX_URL_BYTES)).strip()
    except ValueError:
        raise SettingsError(f"the file {quoted(path)} contains no URL") from None
    if "://" not in url:
        raise SettingsError(f"the file {quoted(path)} contains no URL")
    return url


def _report(table: str, digest: Digest) -> None:
    print(f"{table:18} {digest.rows:9} rows   {digest.total:064x}")


if __name__ == "__main__":
    sys.exit(main())
