"""A node that leaves its cluster: its painters end after their steps; their jobs go on elsewhere.

The head is told that the node is being drained. The bot looks for such nodes, and has their
painters save what they painted, so that no step is lost.
"""

import logging
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType

import psutil

from bot.worker.ray_head import Address, drain_node
from engine.errors import EngineError

log = logging.getLogger(__name__)

_NODE_ID = "--node_id="
"""How Ray's own process of a node is told which node it is."""
_PAINTER = "ray::RayPainter"
"""How Ray names the processes of painters."""
_PAUSE_SECONDS, _END_SECONDS = 0.5, 20.0


def run_node(
    command: Sequence[str], environ: Mapping[str, str], head: Address | None, grace: float
) -> int:
    """Run a node until it ends, or until SIGTERM or SIGINT; return its exit code, 0 after a signal.

    Its painters then have `grace` seconds to end. A node that is the head itself, for which `head`
    is None, ends at once.
    """
    is_told = False

    def tell(_: int, __: FrameType | None) -> None:
        nonlocal is_told
        is_told = True

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, tell)
    # A session of its own keeps Ctrl-C from Ray, which would end its painters at once.
    with subprocess.Popen(command, env=dict(environ), start_new_session=True) as program:
        while program.poll() is None and not is_told:
            time.sleep(_PAUSE_SECONDS)
        if program.poll() is not None:
            return program.returncode
        if head is not None:
            _let_painters_end(psutil.Process(program.pid), head, grace)
        end_node(program)
        return 0


def end_node(program: "subprocess.Popen[bytes]", seconds: float = _END_SECONDS) -> None:
    """End a node with all that it started, at once if it has not ended after some seconds."""
    program.terminate()
    try:
        program.wait(seconds)
    except subprocess.TimeoutExpired:
        with suppress(psutil.Error):
            for each in psutil.Process(program.pid).children(recursive=True):
                with suppress(psutil.Error):
                    each.kill()
        program.kill()
        program.wait()


def deaf_to_interrupts(command: Sequence[str]) -> list[str]:
    """Return a command that ignores Ctrl-C, which a terminal sends to all of its programs."""
    return ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]


def _let_painters_end(program: psutil.Process, head: Address, grace: float) -> None:
    """Have the painters of a node end, and wait for that, for at most `grace` seconds."""
    node_id = _node_id(program)
    if node_id is None or not _painters(program):
        return
    log.info("leaving the cluster once the painters have saved their work")
    try:
        drain_node(head, node_id, grace)
    except EngineError as error:
        log.warning("the head cannot be told", extra={"cause": str(error)})
        return
    ends = time.monotonic() + grace
    while _painters(program) and time.monotonic() < ends:
        time.sleep(_PAUSE_SECONDS)


def _painters(program: psutil.Process) -> list[psutil.Process]:
    """Return the processes of a node's painters."""
    found: list[psutil.Process] = []
    for each in program.children(recursive=True):
        try:
            if each.cmdline()[:1] and each.cmdline()[0].startswith(_PAINTER):
                found.append(each)
        except psutil.Error:
            continue
    return found


def _node_id(program: psutil.Process) -> str | None:
    """Return the id of a node, which its main process has as an argument; None if none runs."""
    for each in program.children(recursive=True):
        try:
            ids = [part for part in each.cmdline() if part.startswith(_NODE_ID)]
        except psutil.Error:
            continue
        if ids:
            return ids[0].removeprefix(_NODE_ID)
    return None
