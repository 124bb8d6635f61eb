"""`python -m bot`: run the bot, on Discord or, without a token, on a page in a local browser."""

import argparse
import asyncio
import sys
from pathlib import Path

import discord

from bot.app import run
from bot.config import TOKEN_VARIABLE, read_settings
from bot.healthcheck import is_alive
from bot.log import set_up_logging
from engine.errors import EngineError

BAD_SETTINGS = 2


def main() -> int:
    """Read the settings, run, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bot", description=__doc__)
    parser.add_argument("--config", type=Path, help="settings file (default: config.toml)")
    parser.add_argument(
        "--healthy", action="store_true", help="say by the exit code whether a bot runs and is well"
    )
    options = parser.parse_args()
    try:
        settings = read_settings(options.config)
        if options.healthy:
            return 0 if is_alive(settings.storage.folder) else 1
        set_up_logging(settings.log)
        asyncio.run(run(settings))
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_SETTINGS
    except discord.LoginFailure:
        print(f"error: Discord does not accept the token in {TOKEN_VARIABLE}", file=sys.stderr)
        return BAD_SETTINGS
    return 0


if __name__ == "__main__":
    sys.exit(main())
