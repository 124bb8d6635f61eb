"""The command line of the engine: paint, edit, enlarge, compare, mask, read recipes, get models.

Standard output contains only results: paths of written files, a recipe, a list. Notices, progress
and errors go to standard error, one per line. Exit codes: 0 done; 1 diverged or out of memory (the
last good picture is saved), or a painter of a comparison failed (the others are on the sheet); 2
bad input (nothing is written); 3 done, but a file is not where it was asked for, or its path could
not be printed; 129, 130 and 143 stopped by a closed terminal, Ctrl-C and SIGTERM (the picture so
far is saved). A bug in the program ends with a traceback.
"""

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.arguments import parse
from engine.cli.messages import prepare_streams, print_notice
from engine.cli.signals import Stopped, StopSignals
from engine.errors import EngineError
from engine.models.idle_threads import let_idle_threads_sleep

if TYPE_CHECKING:
    from engine.weights.settings import WeightsSettings

BAD_INPUT = 2
BROKEN_PIPE = 141
"""Exit code that shells report for a program whose output pipe was closed (128 + SIGPIPE)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, by default that of the process, and return the exit code."""
    prepare_streams()
    # Pillow warns of odd tags in pictures, which is nothing that a user could act on.
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
    try:
        with StopSignals() as signals:
            return _dispatch(parse(argv), signals)
    except EngineError as error:
        print_notice(f"error: {error}")
        return BAD_INPUT
    except Stopped as stopped:
        print_notice("stopped: no picture was saved")
        return stopped.exit_code
    except BrokenPipeError:
        return BROKEN_PIPE


def _dispatch(arguments: argparse.Namespace, signals: StopSignals) -> int:
    match arguments.command:
        case "upscale" if arguments.by == "network":
            return _enlarge_by_network(arguments)
        case "imagine" | "edit" | "upscale":
            return _paint(arguments, signals)
        case "animate" | "restyle":
            return _animate(arguments, signals)
        case "compare":
            return _compare(arguments, signals)
        case "mask":
            return _mask(arguments)
        case "describe":
            return _describe(arguments)
        case "recipe":
            from engine.cli.listing import print_recipe

            return print_recipe(arguments.file)
        case "weights":
            from engine.cli.weights import run

            return run(arguments)
        case _:
            from engine.cli.listing import print_models

            _add_models(None)
            return print_models()


def _paint(arguments: argparse.Namespace, signals: StopSignals) -> int:
    from engine.cli.request import read_request
    from engine.cli.saving import reserved
    from engine.models.catalogue import add_upscaler
    from engine.settings import read_settings

    weights = _add_models(arguments.config)
    settings = read_settings(arguments.config)
    add_upscaler(settings.upscaler)
    request = read_request(arguments, settings)
    let_idle_threads_sleep()
    with reserved(request.names_to_reserve) as names:
        _prepare(request.models.name, weights)
        # Torch is imported only here, after all checks that do not need it.
        from engine.cli.painter import paint_request

        return paint_request(request, names, signals)


def _enlarge_by_network(arguments: argparse.Namespace) -> int:
    from engine.cli.network import check_request, enlarge_by_network
    from engine.cli.saving import reserved
    from engine.settings import read_settings

    settings = read_settings(arguments.config)
    path = check_request(arguments, settings)
    let_idle_threads_sleep()
    with reserved(() if arguments.force else (arguments.out,)) as names:
        return enlarge_by_network(arguments, settings, path, names)


def _animate(arguments: argparse.Namespace, signals: StopSignals) -> int:
    from engine.cli.film_request import read_film_request
    from engine.cli.saving import reserved
    from engine.settings import read_settings

    weights = _add_models(arguments.config)
    request = read_film_request(arguments, read_settings(arguments.config))
    let_idle_threads_sleep()
    with reserved(request.names_to_reserve) as names:
        _prepare(request.models.name, weights)
        from engine.cli.film import paint_film

        return paint_film(request, names, signals)


def _compare(arguments: argparse.Namespace, signals: StopSignals) -> int:
    from engine.cli.comparison_request import read_comparison
    from engine.cli.saving import reserved
    from engine.settings import read_settings

    weights = _add_models(arguments.config)
    request = read_comparison(arguments, read_settings(arguments.config))
    let_idle_threads_sleep()
    with reserved(request.names_to_reserve) as names:
        _prepare(request.models.name, weights)
        left_out = [name for name in request.painters if not _is_prepared(name, weights)]
        from engine.cli.comparison import compare_request

        return compare_request(request.without(left_out), names, signals)


def _is_prepared(painter: str, weights: "WeightsSettings") -> bool:
    """Convert the files of a painter if needed; say why, and return False, if they are missing."""
    try:
        _prepare(painter, weights)
    except EngineError as error:
        print_notice(f"note: {painter} is left out: {error}")
        return False
    return True


def _mask(arguments: argparse.Namespace) -> int:
    from engine.cli.masking import read_search
    from engine.settings import read_settings

    weights = _add_models(arguments.config)
    search = read_search(arguments, read_settings(arguments.config))
    let_idle_threads_sleep()
    _prepare(search.models, weights)
    return search.run()


def _describe(arguments: argparse.Namespace) -> int:
    from engine.cli.describing import print_description
    from engine.settings import read_settings

    weights = _add_models(arguments.config)
    settings = read_settings(arguments.config)
    let_idle_threads_sleep()
    _prepare(arguments.models or settings.models, weights)
    return print_description(arguments, settings)


def _add_models(config: Path | None) -> "WeightsSettings":
    from engine.models.catalogue import add_models
    from engine.weights.settings import read_weights_settings

    weights = read_weights_settings(config)
    add_models(weights)
    return weights


def _prepare(models: str, weights: "WeightsSettings") -> None:
    """Convert published weights that are already downloaded; `weights get` downloads them."""
    from engine.preparation import prepare_models

    prepare_models(
        models, weights, fetches=False, notify=lambda notice: print_notice(f"note: {notice}")
    )
