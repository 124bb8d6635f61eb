"""Measure backing up and restoring many jobs, and kill backups, restores and migrations.

SQLite is measured in a temporary folder. With --url, an empty database of Postgres is measured
instead; it is filled. After each kill with SIGKILL, the file of the backup must be the earlier or
the new one, and the database must hold what it held before, or all that the command brings.
"""

import argparse
import asyncio
import os
import resource
import tempfile
import time
from pathlib import Path
from random import Random

from benchmarks.lib.killed_storage import Killer, run_command
from benchmarks.lib.stored_jobs import store_jobs
from bot.storage.copying import open_database

SEED = 20_221_023
KILLED_JOBS = 300
"""Number of jobs in the databases whose commands are killed."""
OLD_REVISION = "0006"


def main(arguments: list[str]) -> None:
    """Measure, kill, and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks backups", description=__doc__)
    parser.add_argument("--url", help="an empty database of Postgres")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=0, help="of each job; the bot keeps 48")
    parser.add_argument("--checkpoints", action="store_true", help="with the last one of each job")
    parser.add_argument("--kills", type=int, default=0, help="kill so many commands of each kind")
    options = parser.parse_args(arguments)
    print(f"load of the machine: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = options.url or str(folder / "data")
        print("Postgres:" if options.url else "SQLite:")
        if options.kills:
            kill_commands(place, folder, options.kills, Random(SEED))
        else:
            _time_commands(place, folder, options)


def _time_commands(place: str, folder: Path, options: argparse.Namespace) -> None:
    asyncio.run(store(place, 1, options.jobs, options.frames, options.checkpoints))
    file = folder / "pictures.backup"
    _time("backup", "backup", file, "--database", place)
    print(f"  size of the backup: {file.stat().st_size / 1e6:.0f} MB")
    _time("restore, compared", "restore", file, "--force", "--database", place)
    _time("check", "check", "--database", place, code=1)  # random bytes are no pictures


def _time(title: str, *arguments: object, code: int = 0) -> None:
    began, cpu = time.perf_counter(), _cpu_seconds()
    run_command(*arguments, code=code)
    seconds, cpu = time.perf_counter() - began, _cpu_seconds() - cpu
    print(f"  {title}: {seconds:.1f} s, of CPU time {cpu:.1f} s (without the server's)")


def _cpu_seconds() -> float:
    """Return the CPU time of this program and of those that it ran."""
    usage = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in usage)


def kill_commands(place: str, folder: Path, kills: int, random: Random) -> None:
    """Kill commands of each kind so many times on an empty place, and print what was left."""
    killer, earlier = Killer(place, folder, random), folder / "earlier.backup"
    asyncio.run(store(place, 1, KILLED_JOBS))
    run_command("backup", earlier, "--database", place)
    asyncio.run(store(place, KILLED_JOBS + 1, KILLED_JOBS))
    for title, kill in (
        ("backups", killer.backups),
        ("restores", lambda count: killer.restores(count, earlier)),
        ("migrations", lambda count: killer.migrations(count, OLD_REVISION)),
    ):
        left = kill(kills)
        print(f"  {kills} {title} killed: {left.before} times as before, {left.after} complete")


async def store(
    place: str, first: int, count: int, frames: int = 0, checkpoints: bool = False
) -> None:
    """Store jobs in a database, which is made if there is none."""
    async with open_database(place) as database:
        await store_jobs(database, first, count, frames=frames, checkpoints=checkpoints)
