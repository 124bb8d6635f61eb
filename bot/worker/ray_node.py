"""The command that makes this machine the head or another node of a cluster: `ray start`."""

import sys
from dataclasses import dataclass

from bot.worker.ray_head import Address

HEAD_PORT = 6379
"""The port of a head, unless another one is chosen."""
OBJECT_BYTES = 512 * 2**20
"""Shared memory for what is on its way, far more than checkpoints and pictures need. Ray's default
is a third of the machine's memory."""
_FIXED_PORTS = 3
"""Ports that a node needs apart from those of its processes."""
MIN_PORTS = 20
"""Ports that a node needs in all: a few processes start at the same time."""


@dataclass(frozen=True)
class Ports:
    """The ports on which a node listens, for a firewall; both ends are included."""

    first: int
    last: int

    @property
    def number(self) -> int:
        """How many there are."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Node:
    """What this machine is and brings; None leaves it to Ray to find out."""

    head: Address | int
    """Where the head is, or the port of a head that this machine will be."""
    node_ip: str | None = None
    gpus: int | None = None
    cpus: int | None = None
    ports: Ports | None = None

    @property
    def command(self) -> list[str]:
        """The command, with the path of this Python. It ends when the node does."""
        return [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", *self._part),
            *("--block", "--disable-usage-stats", f"--object-store-memory={OBJECT_BYTES}"),
            *_option("node-ip-address", self.node_ip),
            *_option("num-gpus", self.gpus),
            *_option("num-cpus", self.cpus),
            *self._port_options,
        ]

    @property
    def _part(self) -> list[str]:
        if isinstance(self.head, Address):
            return [f"--address={self.head}"]
        return ["--head", f"--port={self.head}", "--include-dashboard=false"]

    @property
    def _port_options(self) -> list[str]:
        if self.ports is None:
            return []
        first = self.ports.first
        return [
            *_option("node-manager-port", first),
            *_option("object-manager-port", first + 1),
            *_option("runtime-env-agent-port", first + 2),
            *_option("min-worker-port", first + _FIXED_PORTS),
            *_option("max-worker-port", self.ports.last),
        ]


def _option(name: str, value: object) -> list[str]:
    return [] if value is None else [f"--{name}={value}"]
