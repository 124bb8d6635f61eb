"""`python -m bot`: run the bot, on Discord or, without a token, on a page in a local browser."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from bot.config import BotSettings, read_settings
from bot.default_config import write_config
from bot.healthcheck import is_alive, is_answering, is_local_page_alive
from bot.log import is_for_programs, set_up_logging
from bot.private_files import warn_if_open
from bot.secret_variables import secret_files
from engine import __version__
from engine.config_file import DEFAULT_PATH
from engine.errors import EngineError
from engine.models.idle_threads import let_idle_threads_sleep

log = logging.getLogger("bot")

BAD_SETTINGS, REFUSED = 2, 3
"""Exit codes: settings keep the bot from starting; Discord refuses it. Restarting mends neither."""


def _parser() -> argparse.ArgumentParser:
    name = "vqgan-clip-bot" if Path(sys.argv[0]).stem == "vqgan-clip-bot" else "python -m bot"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--version", action="version", version=f"vqgan-clip-bot {__version__}")
    parser.add_argument("--config", type=Path, help=f"settings file (default: {DEFAULT_PATH})")
    parser.add_argument(
        "--write-config",
        type=Path,
        nargs="?",
        const=DEFAULT_PATH,
        metavar="FILE",
        help=f"write a settings file with every default and end (default: {DEFAULT_PATH})",
    )
    parser.add_argument(
        "--healthy",
        action="store_true",
        help="exit with 0 if a bot runs and is healthy, else with 1",
    )
    return parser


def main() -> int:
    """Read the settings, run the bot and return the exit code."""
    options = _parser().parse_args()
    try:
        if options.write_config:
            write_config(options.write_config)
            return 0
        settings = read_settings(options.config)
        if options.healthy:
            return 0 if _is_healthy(settings) else 1
        return _run(settings)
    except EngineError as error:
        _tell(error)
        return BAD_SETTINGS


def _run(settings: BotSettings) -> int:
    """Run the bot; return the exit code. Raises `EngineError` if settings keep it from starting."""
    # Not at the top: a container asks twice a minute if the bot is healthy, which needs none of it.
    from bot.app import run
    from bot.connection import DiscordRefusalError

    set_up_logging(settings.log, (settings.token, settings.host_token, settings.storage.url))
    let_idle_threads_sleep()
    for file, name in secret_files().items():
        warn_if_open(file, name)
    try:
        asyncio.run(run(settings))
        log.info("the bot has ended")
    except DiscordRefusalError as error:
        _tell(error)
        return REFUSED
    return 0


def _tell(error: Exception) -> None:
    """Say why the bot cannot run: as a sentence, or as a record for programs if they read all."""
    if is_for_programs():
        log.critical("the bot cannot run", extra={"cause": str(error)})
    else:
        print(f"error: {error}", file=sys.stderr)


def _is_healthy(settings: BotSettings) -> bool:
    """Ask the host's page if there is one; else look at the file that the bot touches.

    Without a token that can be in a local page's folder. A bot can have got its token otherwise
    than the environment of this call, so its folder counts too.
    """
    if settings.host.port:
        return is_answering(settings.host.address, settings.host.port)
    if is_alive(settings.storage.folder):
        return True
    return settings.token is None and is_local_page_alive()


if __name__ == "__main__":
    sys.exit(main())
