"""The head of a real Ray cluster on this machine, with a token, and what it knows of its nodes."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

PATIENCE = 300.0
ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "bot.worker")
_ASK = """
import json, sys
from ray._raylet import GcsClient
gcs = GcsClient(address=sys.argv[1])
for key, value in json.loads(sys.argv[2]).items():
    space = b"cluster" if key == "CLUSTER_METADATA" else b"vqgan-clip"
    gcs.internal_kv_put(key.encode(), value.encode(), True, space)
print(json.dumps([
    {"ip": node.node_manager_address, "ports": [node.node_manager_port, node.object_manager_port],
     "resources": dict(node.resources_total)}
    for node in gcs.get_all_node_info().values() if node.state == 0
]))
"""


@dataclass
class RayHead:
    """A head that runs; `folder` has its token in the file `token`."""

    folder: Path
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a machine that knows the token, and of nothing else."""
        hidden = ("RAY_", "DISCORD_", "VQGAN_CLIP_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "RAY_TMPDIR": str(self.folder),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.folder / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def nodes(self, **written: str) -> list[dict[str, Any]]:
        """Return the nodes that are alive, after writing values into the head's store by key."""
        asked = subprocess.run(
            [sys.executable, "-c", _ASK, self.address, json.dumps(written)],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        return json.loads(asked.stdout.splitlines()[-1])


def free_port(number: int = 1) -> int:
    """Return the first of some ports in a row on which nobody listens now."""
    for _ in range(100):
        first = 20_000 + secrets.randbelow(10_000)
        if all(_is_free(first + each) for each in range(number)):
            return first
    raise AssertionError("there are no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0


def wait_until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.2)


@contextmanager
def running_head() -> Iterator[RayHead]:
    """Start a head in a folder with a short path, because paths of sockets have 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    (folder / "token").write_text(secrets.token_hex(32))
    (folder / "token").chmod(0o600)
    head = RayHead(folder, free_port())
    with (folder / "log").open("w") as log:
        program = subprocess.Popen(
            [*COMMAND, "--head", str(head.port), "--cpus", "0", "--gpus", "0"],
            env=head.environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: "This command will now block" in (folder / "log").read_text())
        yield head
    finally:
        program.terminate()
        program.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def known_to_this_process(head: RayHead) -> Iterator[None]:
    """Let this process join the cluster of a head; another test may have joined another one."""
    before = dict(os.environ)
    os.environ.update(head.environment)
    raylet: Any = import_module("ray._raylet")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
