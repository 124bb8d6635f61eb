"""The server that tests use leaves nothing behind, even if they are killed."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.harness.bot_harness import until
from tests.harness.postgres import find_programs

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.harness.postgres import running_server
with running_server(Path(sys.argv[1])) as server:
    print(server.folder, (server.folder / "data/postmaster.pid").read_text().split()[0], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
async def test_a_server_ends_with_the_tests_that_were_killed():
    programs = find_programs()
    if programs is None:
        pytest.skip("Postgres is not installed")
    command = [sys.executable, "-c", KILLED, str(programs)]
    root = Path(__file__).parents[3]
    killed = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=False)
    folder, process = killed.stdout.split()
    await until(lambda: not Path(folder).exists())
    await until(lambda: not runs(process, folder))


def runs(process: str, folder: str) -> bool:
    """Return True if a server still works in a folder."""
    with suppress(OSError):
        return folder in Path("/proc", process, "cmdline").read_text()
    return False
