"""`python -m engine weights check`: do models do what weights of their kind should?"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from engine.cli.messages import print_notice, print_result
from engine.errors import WeightsError
from engine.models.catalogue import CATALOGUE, add_models
from engine.models.devices import choose_device, choose_precision, set_measured_threads
from engine.models.loading import load_models
from engine.preparation import prepare_component, prepare_models
from engine.self_check.check import WITH_DEMO_CLIP, check_component, check_models
from engine.self_check.records import machine_name
from engine.self_check.report import describe, report, verdict
from engine.self_check.results import PartResult
from engine.settings import EngineSettings, read_settings
from engine.weights.settings import WeightsSettings


def check(arguments: argparse.Namespace, weights: WeightsSettings) -> int:
    """Check models, a generator or a perceptor, and print what was found.

    Raises:
        WeightsError: something is wrong, or files are missing.
        ModelError: the models cannot be loaded.
    """
    name: str = arguments.name
    settings = read_settings(arguments.config)
    add_models(weights)
    _set_threads(name, settings)
    results = _check(name, weights, settings)
    if arguments.report:
        print_result(report(results, _machine(name, settings, weights.folder)))
    else:
        print_result("\n".join(map(describe, results)))
    if not all(each.is_right for each in results):
        raise WeightsError("{name} is not right: {why}", name=name, why=verdict(results))
    return 0


def _check(name: str, weights: WeightsSettings, settings: EngineSettings) -> Sequence[PartResult]:
    registry = weights.registry()
    if name in registry.models or name in WITH_DEMO_CLIP:
        prepare_models(name, weights, fetches=False, notify=_note)
        return check_models(load_models(name, settings.main_device, settings.precision), weights)
    if name in registry.painters or name in registry.files:
        raise WeightsError(
            "{name} cannot be checked: name models for VQGAN-CLIP, a generator or a perceptor",
            name=repr(name),
        )
    prepare_component(name, weights, notify=_note)
    device = choose_device(settings.main_device)
    precision = choose_precision(settings.precision, device, cache=weights.folder)
    return (check_component(name, weights, device, precision),)


def _set_threads(name: str, settings: EngineSettings) -> None:
    """Compute on as many threads as the bot does, for which the precision is measured and kept."""
    entries = [CATALOGUE[name]] if name in CATALOGUE else list(CATALOGUE.values())
    device = choose_device(settings.main_device)
    set_measured_threads(settings.threads, device, settings.precision, entries)


def _machine(name: str, settings: EngineSettings, cache: Path) -> str:
    """Return what computed, and in which precision models of this name compute there."""
    device = choose_device(settings.main_device)
    gains = name not in CATALOGUE or CATALOGUE[name].halves
    precision = choose_precision(settings.precision, device, gains=gains, cache=cache)
    return machine_name(device, precision)


def _note(text: str) -> None:
    print_notice(f"note: {text}")
