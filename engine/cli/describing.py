"""The command `describe`: print prompts that describe a picture."""

import argparse

from engine.cli.messages import print_notice, print_result
from engine.editing.edit_pictures import read_source
from engine.models.catalogue import find_models
from engine.settings import EngineSettings


def print_description(arguments: argparse.Namespace, settings: EngineSettings) -> int:
    """Print four prompts that describe a picture, the best first, and return the exit code.

    Raises `EngineError` if the picture or the models cannot be read.
    """
    picture, notices = read_source(arguments.picture)
    if notices:
        print_notice(f"note: {'; '.join(map(str, notices))}")
    name = arguments.models or settings.models
    entry = find_models(name)
    from engine.editing.descriptions import describe
    from engine.models.devices import set_threads
    from engine.models.loading import load_models

    set_threads(settings.threads)
    models = load_models(name, arguments.device or settings.main_device, settings.precision)
    if entry.limits:
        print_notice(f"note: {entry.limits}")
    for prompt in describe(picture, models, entry.phrases):
        print_result(prompt)
    return 0
