"""Commands that are killed leave a database, or a backup, as it was or complete."""

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from benchmarks.backups import OLD_REVISION, store
from benchmarks.lib.killed_storage import Killer, run_command
from tests.bot.storage.maintenance.backup_helpers import named
from tests.harness.stores import Place

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no forkserver"),
]
KILLS, JOBS = 3, 100


async def test_nothing_is_half_done_after_a_kill(place: Place, tmp_path: Path):
    """Each look at what is left asserts that it is whole."""
    await asyncio.to_thread(kill_all, named(place), tmp_path)


def kill_all(place: str, folder: Path) -> None:
    killer, earlier = Killer(place, folder, Random()), folder / "earlier.backup"
    asyncio.run(store(place, 1, JOBS))
    run_command("backup", earlier, "--database", place)
    asyncio.run(store(place, JOBS + 1, JOBS))
    for left in (
        killer.backups(KILLS),
        killer.restores(KILLS, earlier),
        killer.migrations(KILLS, OLD_REVISION),
    ):
        assert left.before + left.after == KILLS
