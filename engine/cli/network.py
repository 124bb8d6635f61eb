"""The command `upscale --by network`: enlarge a picture by a dedicated network."""

import argparse
import hashlib
import json
from pathlib import Path

from engine.cli.messages import print_notice
from engine.cli.saving import NameReservations, Results
from engine.errors import UsageError
from engine.files import check_output
from engine.images.png import save_png
from engine.settings import EngineSettings
from engine.upscaling import read_to_enlarge

UPSCALER_KEY = "vqgan-clip-upscaler"
"""Keyword of the PNG text chunk that says as JSON which network enlarged a picture."""
_PAINTERS_OPTIONS = (
    *("prompt", "steps", "seed", "models"),
    *("save_every", "animation", "svg", "preview"),
)
"""Options of `upscale` that only the painter has."""


def check_request(arguments: argparse.Namespace, settings: EngineSettings) -> Path:
    """Return the file of the network that is asked for.

    Raises `UsageError` or another `EngineError` for what is not allowed.
    """
    given = [name for name in _PAINTERS_OPTIONS if getattr(arguments, name) is not None]
    if given:
        names = ", ".join(
            name.upper() if name == "prompt" else f"--{name.replace('_', '-')}" for name in given
        )
        raise UsageError(f"a network takes no {names}: leave that out, or choose --by painter")
    check_output(arguments.out, suffixes=(".png",), force=arguments.force)
    path = arguments.upscaler or (Path(settings.upscaler) if settings.upscaler else None)
    if path is None:
        raise UsageError(
            "--by network needs the file of a network: add --upscaler FILE, or name it in "
            "config.toml as upscaler in the table [engine]"
        )
    return path


def enlarge_by_network(
    arguments: argparse.Namespace,
    settings: EngineSettings,
    path: Path,
    reservations: NameReservations,
) -> int:
    """Enlarge the picture of a request and write it; return the exit code.

    Raises `EngineError` if the picture or the network cannot be read.
    """
    found = read_to_enlarge(arguments.picture, arguments.factor, as_shown=True)
    for notice in found.notices:
        print_notice(f"note: {notice}")
    from engine.editing.upscaler import UpscalerNetwork
    from engine.models.devices import choose_device, set_threads

    set_threads(settings.threads)
    network = UpscalerNetwork(path, choose_device(arguments.device or settings.main_device))
    print_notice(f"note: enlarged by {network.name}, {network.scale} times at once")
    picture = network.enlarge(found.picture, arguments.factor)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    text = {UPSCALER_KEY: json.dumps({"name": network.name, "sha256": {path.name: digest}})}
    results = Results(reservations)

    def write(target: Path) -> None:
        save_png(picture, target, text=text, force=arguments.force and target == arguments.out)

    results.paths.append(results.save(arguments.out, write))
    results.print_paths()
    return results.exit_code
