"""`python -m bot.worker`: make this machine part of a cluster, for the painters of a bot.

It fetches and converts what the models of the settings need, which can take an hour, and runs
`ray start`. Told to end, it lets its painters save their work first. Whoever has the token of the
cluster can run programs on this machine.
"""

import argparse
import ipaddress
import logging
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from bot.config import BotSettings, read_settings
from bot.log import is_for_programs, log_start, set_up_logging
from bot.scheduling.loading import ModelLoading
from bot.worker.model_files import ModelFiles
from bot.worker.ray_environment import import_ray, ray_environment, without_secrets
from bot.worker.ray_head import Address, UnreachableHeadError, meet_head
from bot.worker.ray_leaving import run_node
from bot.worker.ray_node import HEAD_PORT, MIN_PORTS, Node, Ports
from engine import __version__
from engine.config_file import DEFAULT_PATH
from engine.errors import EngineError, SettingsError
from engine.models.catalogue import add_models, find_entry
from engine.models.idle_threads import let_idle_threads_sleep
from engine.weights.settings import FOLDER_VARIABLE

log = logging.getLogger("bot.worker")

UNREACHABLE, BAD_SETTINGS, INTERRUPTED = 1, 2, 130
"""Exit codes: the head is not there (yet); settings keep this machine from joining, which starting
again does not mend; Ctrl-C."""
_PATIENCE = 120.0
"""Seconds in which the head may start."""
_MAX_CPUS, _MAX_GPUS = 4096, 64
_GRACE, _MAX_GRACE = 45, 3600


def _parser() -> argparse.ArgumentParser:
    gpus, cpus = _up_to(_MAX_GPUS), _up_to(_MAX_CPUS)
    parser = argparse.ArgumentParser(prog="python -m bot.worker", description=__doc__)
    parser.add_argument("--version", action="version", version=f"vqgan-clip-bot {__version__}")
    part = parser.add_mutually_exclusive_group(required=True)
    part.add_argument("--address", metavar="HOST:PORT", help="join the head of a cluster")
    part.add_argument(
        "--head",
        type=_port,
        nargs="?",
        const=HEAD_PORT,
        metavar="PORT",
        help=f"be the head, beside the bot (default port: {HEAD_PORT})",
    )
    parser.add_argument("--config", type=Path, help=f"settings file (default: {DEFAULT_PATH})")
    parser.add_argument(
        "--node-ip", type=_ip, metavar="IP", help="the address of this machine for the others"
    )
    parser.add_argument("--gpus", type=gpus, metavar="N", help="how many GPUs (default: all)")
    parser.add_argument("--cpus", type=cpus, metavar="N", help="how many processors (default: all)")
    parser.add_argument(
        "--ports",
        type=_ports,
        metavar="FIRST-LAST",
        help="the ports to listen on, for a firewall (default: any free ones)",
    )
    parser.add_argument(
        "--grace",
        type=_up_to(_MAX_GRACE),
        default=_GRACE,
        metavar="SECONDS",
        help="how long painters may take to save their work at the end (default: %(default)s)",
    )
    parser.add_argument(
        "--check", action="store_true", help="only check that this machine can join, and end"
    )
    return parser


def _up_to(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or int(text) > most:
            raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {most}")
        return int(text)

    return read


def _port(text: str) -> int:
    port = int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
    if not 1024 <= port < 2**16:
        raise argparse.ArgumentTypeError("must be a port from 1024 to 65535")
    return port


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError("must be an IP address, such as 10.0.0.2") from None


def _ports(text: str) -> Ports:
    found = re.fullmatch("([0-9]{1,5})-([0-9]{1,5})", text)
    ports = Ports(int(found[1]), int(found[2])) if found else Ports(0, 0)
    if not 1024 <= ports.first <= ports.last < 2**16 or ports.number < MIN_PORTS:
        raise argparse.ArgumentTypeError(
            f"must be FIRST-LAST from 1024 to 65535, at least {MIN_PORTS} of them, "
            "such as 6380-6479"
        )
    return ports


def _prepare_models(settings: BotSettings) -> None:
    """Download and convert what the models of the settings need, which can take an hour.

    Raises `SettingsError`, `WeightsError` or `ModelError` if that is not possible.
    """
    engine = settings.engine
    add_models(settings.weights)
    if engine.upscaler and not Path(engine.upscaler).is_file():
        raise SettingsError(f"engine.upscaler is {engine.upscaler!r}, which this machine lacks")
    files = ModelFiles(settings.weights, ModelLoading(), is_closed=lambda: False)
    for name in (*engine.installed, *engine.installed_painters):
        find_entry(name)
        files.prepare(name)


def _join(options: argparse.Namespace) -> int:
    """Check, prepare, and run the node, unless it only checks; return the exit code."""
    settings = read_settings(options.config)
    set_up_logging(settings.log, (settings.storage.url,))
    let_idle_threads_sleep()
    head = options.head or Address.parse(options.address)
    os.environ.update(ray_environment(os.environ))
    os.environ[FOLDER_VARIABLE] = str(settings.weights.folder.absolute())
    import_ray()
    if isinstance(head, Address):
        meet_head(head, patience=0.0 if options.check else _PATIENCE)
    if options.check:
        print("this machine can be the head" if options.head else f"this machine can join {head}")
        return 0
    _prepare_models(settings)
    node = Node(head, options.node_ip, options.gpus, options.cpus, options.ports)
    log_start("node", settings)
    log.info("becoming a node of the cluster", extra={"address": str(head)})
    address = head if isinstance(head, Address) else None
    return run_node(node.command, without_secrets(os.environ), address, options.grace)


def main() -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args()
    try:
        return _join(options)
    except UnreachableHeadError as error:
        code, told = UNREACHABLE, str(error)
    except EngineError as error:
        code, told = BAD_SETTINGS, str(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    if is_for_programs():
        log.critical("this machine cannot join", extra={"cause": told})
    else:
        print(f"error: {told}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
