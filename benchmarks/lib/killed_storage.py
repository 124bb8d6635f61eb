"""Kill the commands of `python -m bot.storage` at random times, and look at what is left."""

import asyncio
import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from random import Random

from bot.storage.__main__ import main
from bot.storage.copying import open_database
from bot.storage.digests import Digest
from bot.storage.maintenance.archive import open_archive
from bot.storage.maintenance.reading import digests, open_for_reading
from bot.storage.places import is_url
from bot.storage.postgres import open_locked

_WAIT_SECONDS = 30.0
_RUNS = 3
"""How often a command is timed; of its times the shortest counts, so that most kills come early."""
State = dict[str, Digest]


@dataclass(frozen=True)
class Left:
    """How often what was there before was left, and how often what the command makes."""

    before: int
    after: int


class Killer:
    """Kills commands that work on a database, whose files are in a folder."""

    def __init__(self, place: str, folder: Path, random: Random) -> None:
        self._place, self._folder, self._random = place, folder, random
        self._context: ForkServerContext = get_context("forkserver")
        # Processes start fast when forked from one that has imported everything.
        self._context.set_forkserver_preload(["benchmarks.lib.killed_storage", "asyncpg"])

    def backups(self, kills: int) -> Left:
        """Kill backups that replace an earlier one."""
        file = self._folder / "killed.backup"
        run_command("backup", "--force", file, "--database", self._place)
        left = [0, 0]
        before = self._state()
        arguments = ["backup", "--force", str(file), "--database", self._place]
        seconds = min(self._seconds(main, arguments) for _ in range(_RUNS))
        content = file.read_bytes()
        for _ in range(kills):
            self._kill(main, arguments, seconds)
            with open_archive(file) as archive:
                assert archive.about.digests() == before
            left[file.read_bytes() != content] += 1
            content = file.read_bytes()
            for part in self._folder.glob(".*.part*"):
                part.unlink()
        assert self._state() == before
        return Left(*left)

    def restores(self, kills: int, backup: Path) -> Left:
        """Kill commands that replace the database by a backup."""
        own = self._folder / "own.backup"
        run_command("backup", "--force", own, "--database", self._place)
        arguments = ["restore", "--force", str(backup), "--database", self._place]
        return self._changes(
            kills,
            (main, arguments),
            lambda: run_command("restore", "--force", own, "--database", self._place),
        )

    def migrations(self, kills: int, revision: str) -> Left:
        """Kill starts that migrate the database."""
        return self._changes(
            kills,
            (_migrate, [self._place]),
            lambda: run_command("downgrade", revision, "--yes", "--database", self._place),
        )

    def _changes(
        self,
        kills: int,
        command: tuple[Callable[[list[str]], object], list[str]],
        go_back: Callable[[], None],
    ) -> Left:
        """Kill a command that changes the database, which is only ever before or after that."""
        go_back()
        before = self._state()
        seconds = self._seconds(*command)
        after = self._state()
        for _ in range(1, _RUNS):
            go_back()
            seconds = min(seconds, self._seconds(*command))
        assert before != after
        left = [0, 0]
        for _ in range(kills):
            if self._state() != before:
                go_back()
            self._kill(*command, seconds)
            state = self._state()
            assert state in (before, after)
            left[state == after] += 1
        return Left(*left)

    def _seconds(self, target: Callable[[list[str]], object], arguments: list[str]) -> float:
        """Return how long a command takes that nobody kills."""
        process = self._context.Process(target=_run, args=(target, arguments))
        began = time.perf_counter()
        process.start()
        process.join()
        assert process.exitcode == 0
        return time.perf_counter() - began

    def _kill(
        self, target: Callable[[list[str]], object], arguments: list[str], seconds: float
    ) -> None:
        process = self._context.Process(target=_run, args=(target, arguments))
        process.start()
        process.join(self._random.uniform(0, seconds))
        process.kill()
        process.join()

    def _state(self) -> State:
        return asyncio.run(_state(self._place))


async def _state(place: str) -> State:
    """Return what a database holds, once nobody works on it any more."""
    if is_url(place):  # the server may not have noticed yet that the killed program is gone
        async with open_locked(place, _WAIT_SECONDS, waits=True):
            pass
    async with open_for_reading(place) as connection:
        return await digests(connection)


def run_command(*arguments: object, code: int = 0) -> None:
    """Run a command of `python -m bot.storage`, which must end with an exit code."""
    with contextlib.redirect_stdout(io.StringIO()):
        assert main([str(each) for each in arguments]) == code


def _run(target: Callable[[list[str]], object], arguments: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        raise SystemExit(target(arguments))


def _migrate(arguments: list[str]) -> int:
    """Open a database as the bot does at its start."""

    async def open_and_close() -> None:
        async with open_database(arguments[0]):
            pass

    asyncio.run(open_and_close())
    return 0
