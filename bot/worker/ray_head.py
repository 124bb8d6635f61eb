"""The head of a cluster, as a machine sees it that wants to join: is it there, and does it fit?

The head is asked before anything is started, because Ray's own answers take 40 seconds, or come as
the trace of a crash.
"""

import ipaddress
import json
import logging
import platform
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Self, TypeVar, cast

from bot.worker.ray_environment import import_ray
from engine import __version__
from engine.errors import EngineError, SettingsError

log = logging.getLogger(__name__)

_CONNECT_SECONDS, _ANSWER_SECONDS, _PAUSE_SECONDS = 5.0, 10.0, 2.0
Answer = TypeVar("Answer")
_METADATA, _METADATA_SPACE = b"CLUSTER_METADATA", b"cluster"
"""Where a head keeps the versions of its Ray and its Python."""
_PROGRAM, _PROGRAM_SPACE = b"version", b"vqgan-clip"
"""Where the bot keeps its own."""


class UnreachableHeadError(EngineError):
    """Nobody listens at the address of the head, or it does not answer; it may come later."""


_ADVICE = (
    "Ray's traffic is not encrypted: put WireGuard or another private network between the machines"
)


@dataclass(frozen=True)
class Address:
    """Where the head of a cluster listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address in `text`; raise `SettingsError` if it is none."""
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):([0-9]{1,5})", text)
        if found is None or not 0 < int(found[2]) < 2**16:
            raise SettingsError(
                f"the address of the head must be HOST:PORT, such as 10.0.0.1:6379, "
                f"not {text[:80]!r}"
            )
        return cls(found[1].strip("[]"), int(found[2]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def meet_head(address: Address, patience: float) -> None:
    """Wait for the head, for at most about `patience` seconds, and check that this machine fits.

    Raises `UnreachableHeadError` if no Ray answers there, and `SettingsError` for another token, or
    another version of Ray, Python or this program.
    """
    ends, is_told = time.monotonic() + patience, False
    while True:
        try:
            find_head(address)
            _check_versions(address)
            return
        except UnreachableHeadError as error:
            left = ends - time.monotonic()
            if left <= 0:
                raise
            if not is_told:
                log.info("waiting for the head", extra={"cause": str(error)})
                is_told = True
            time.sleep(min(_PAUSE_SECONDS, left))


def find_head(address: Address) -> None:
    """Look whether somebody listens, which Ray needs 40 seconds to tell.

    Raises `UnreachableHeadError` if nobody does.
    """
    try:
        with socket.create_connection((address.host, address.port), _CONNECT_SECONDS) as found:
            _warn_if_public(found.getpeername()[0])
    except OSError as error:
        raise UnreachableHeadError(
            f"nobody listens at {address} ({error.strerror or 'no answer'}): is the bot running "
            "there with cluster.address in its settings, and does a firewall let this machine in?"
        ) from None


def _warn_if_public(found: str) -> None:
    if ipaddress.ip_address(found.partition("%")[0]).is_global:
        extra = {"address": found, "advice": _ADVICE}
        log.warning("the head has a public address", extra=extra)


def _check_versions(address: Address) -> None:
    found = _read(address, _METADATA, _METADATA_SPACE)
    if found is None:
        raise UnreachableHeadError(f"the Ray at {address} is still starting: try again")
    versions = cast("dict[str, Any]", json.loads(found))
    program = _read(address, _PROGRAM, _PROGRAM_SPACE)
    for what, its, ours in (
        ("Ray", str(versions.get("ray_version")), str(import_ray().__version__)),
        ("Python", str(versions.get("python_version")), platform.python_version()),
        ("this program", (program or __version__.encode()).decode(), __version__),
    ):
        if its != ours:
            raise SettingsError(
                f"the head at {address} has version {its[:40]} of {what}, this machine has {ours}: "
                "install the same on both, or use the same image"
            )


def tell_version(address: Address) -> None:
    """Leave the version of this program at the head, for the machines that want to join.

    Raises `SettingsError` or `UnreachableHeadError` if it cannot be asked.
    """

    def write(gcs: Any) -> None:
        gcs.internal_kv_put(_PROGRAM, __version__.encode(), True, _PROGRAM_SPACE, _ANSWER_SECONDS)

    _ask(address, write)


def drain_node(address: Address, node_id: str, seconds: float) -> None:
    """Tell the head that a node leaves in `seconds`, so that nothing new begins there.

    Raises `SettingsError` or `UnreachableHeadError` if it cannot be asked.
    """
    autoscaler: Any = import_module("ray.core.generated.autoscaler_pb2")
    reason = autoscaler.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    deadline = round(1000 * (time.time() + seconds))

    def drain(gcs: Any) -> None:
        gcs.drain_node(node_id, reason, "its command was told to end", deadline)

    _ask(address, drain)


def _read(address: Address, key: bytes, space: bytes) -> bytes | None:
    def read(gcs: Any) -> bytes | None:
        return gcs.internal_kv_get(key, space, _ANSWER_SECONDS)

    return _ask(address, read)


def _ask(address: Address, question: Callable[[Any], Answer]) -> Answer:
    """Return the answer of the head's store of keys and values, which is called GCS.

    Ray has no public way to ask it without being a node. The modules have no types.
    """
    import_ray()
    raylet: Any = import_module("ray._raylet")
    exceptions: Any = import_module("ray.exceptions")
    try:
        return question(raylet.GcsClient(address=str(address)))
    except exceptions.AuthenticationError:
        raise SettingsError(
            f"the head at {address} has another token than this machine: copy the head's into the "
            "file that RAY_AUTH_TOKEN_PATH names"
        ) from None
    except exceptions.RayError as error:
        raise UnreachableHeadError(
            f"something listens at {address}, but does not answer as a Ray head does: "
            f"{str(error)[:200]}"
        ) from None
