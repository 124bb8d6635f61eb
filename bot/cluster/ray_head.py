"""Ray's first process, which this program starts for a cluster of its own, and ends with itself."""

import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

from bot.cluster.cluster import ClusterError

PORT = 6379
"""Port at which other machines join."""
_START_SECONDS = 120.0
_TOKEN_FILE = "ray-token"


def prepare_environment(token_folder: Path | None = None) -> None:
    """Tell Ray, by this process's environment, what it should do; what is set already stays.

    Tokens are required, nothing is reported to Ray's makers, and Ray ends no painter because other
    programs fill the memory. If there is no token, one is made in `token_folder`.
    """
    set_default = os.environ.setdefault
    set_default("RAY_USAGE_STATS_ENABLED", "0")
    set_default("RAY_AUTH_MODE", "token")
    set_default("RAY_memory_monitor_refresh_ms", "0")
    has_token = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    if not has_token and not (Path.home() / ".ray" / "auth_token").is_file() and token_folder:
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(_token_in(token_folder))


def _token_in(folder: Path) -> Path:
    """Return the file with the cluster's token, which only this account may read."""
    file = (folder / _TOKEN_FILE).absolute()
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(secrets.token_hex(32))
    return file


class RayHead:
    """The first process of a cluster, which has no dashboard."""

    def __init__(self, port: int = PORT) -> None:
        self.address = f"127.0.0.1:{port}"
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless it runs, and wait until it takes connections.

        Raises `ClusterError` if it ends at once, such as because the port is in use.
        """
        if self._process is not None:
            return
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
        command += [f"--port={self._port}", "--disable-usage-stats", "--include-dashboard=false"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                output = self._process.stdout.read() if self._process.stdout else b""
                last = output.decode(errors="replace").strip().splitlines()[-1:]
                raise ClusterError(
                    "Ray cannot be started on port {port}: {cause}",
                    port=self._port,
                    cause="".join(last) or "it does not answer",
                )
            time.sleep(0.2)

    def stop(self) -> None:
        """End it with all that it started."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as trying:
            trying.settimeout(1.0)
            return trying.connect_ex(("127.0.0.1", self._port)) == 0
