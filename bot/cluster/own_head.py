"""The head of a cluster that this program starts, and that ends with it."""

import os
import secrets
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile

from bot.cluster.cluster import ClusterError
from bot.worker.ray_environment import TOKEN_PATH_VARIABLE, TOKEN_VARIABLE, without_secrets
from bot.worker.ray_head import Address, UnreachableHeadError, find_head
from bot.worker.ray_leaving import deaf_to_interrupts, end_node
from bot.worker.ray_node import HEAD_PORT, Node

_START_SECONDS = 120.0
_MOST_SAID = 65_536
_TOKEN_FILE = "ray-token"


def token_file(environ: Mapping[str, str], folder: Path) -> Path | None:
    """Return a new file with a token in `folder`, or the one made before; None if Ray has one."""
    if environ.get(TOKEN_VARIABLE) or environ.get(TOKEN_PATH_VARIABLE):
        return None
    if (Path.home() / ".ray" / "auth_token").is_file():
        return None
    file = (folder / _TOKEN_FILE).absolute()
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(secrets.token_hex(32))
    return file


class OwnHead:
    """The head of a cluster on this machine, without a dashboard."""

    def __init__(self, port: int = HEAD_PORT) -> None:
        self.address = Address("127.0.0.1", port)
        self._process: subprocess.Popen[bytes] | None = None
        self._said = TemporaryFile()  # noqa: SIM115 (it closes with this object)
        """What it says about errors."""

    def start(self) -> None:
        """Start it unless it runs, and wait until it takes connections.

        Raises `ClusterError` if it ends at once, such as because the port is in use.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self._process = subprocess.Popen(
            deaf_to_interrupts(Node(self.address.port).command),  # painters save their work first
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            env=without_secrets(os.environ),
        )
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                cause = self._last_words() or "it does not answer"
                raise ClusterError(f"Ray cannot be started on port {self.address.port}: {cause}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End it with all that it started."""
        if self._process is not None:
            end_node(self._process)
            self._process = None

    def _answers(self) -> bool:
        try:
            find_head(self.address)
        except UnreachableHeadError:
            return False
        return True

    def _last_words(self) -> str:
        """Return the last line of what a process that ended has said."""
        assert self._process is not None
        if self._process.poll() is None:
            return ""
        self._said.seek(0)
        lines = self._said.read(_MOST_SAID).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
