"""Preparation: published models are fetched, if that is wanted, and converted before they load.

The demo pair needs none of it.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from engine.errors import ModelError, WeightsError
from engine.models.catalogue import add_models, weights_path
from engine.weights.cache import CacheEntry
from engine.weights.fetching import fetch
from engine.weights.registry import Registry
from engine.weights.registry_entries import ModelsEntry, WeightsFile
from engine.weights.settings import WeightsSettings


def prepare_models(
    name: str,
    settings: WeightsSettings,
    *,
    fetches: bool,
    progress: Callable[[WeightsFile, int, int], None] = lambda *_: None,
    notify: Callable[[str], None] = lambda _: None,
) -> None:
    """Make sure that `load_models(name)` finds what it needs. It takes as long as it takes.

    Args:
        name: of models in the registry; others need no preparation.
        settings: where weights lie, and what models there are.
        fetches: whether files that are missing are fetched; else they are an error.
        progress: called with the file that is fetched or checked, the bytes done and in all, 0 for
            unknown. What it raises ends the preparation, and what has come is kept.
        notify: takes notices for a person.

    Raises:
        WeightsError: files are missing, cannot be fetched, or are not what they should be.
        ModelError: they cannot be converted.
    """
    add_models(settings)
    registry = settings.registry()
    if name not in registry.models:
        return
    files = registry.files_of(name)
    if not fetches:
        _check_there(name, files, settings)
    paths = {
        file.name: fetch(
            file,
            settings.folder,
            offline=settings.is_offline,
            progress=lambda done, total, file=file: progress(file, done, total),
            notify=notify,
        )
        for file in files
    }
    _convert(registry.models[name], registry, paths, settings.folder)


def _convert(
    models: ModelsEntry, registry: Registry, paths: Mapping[str, Path], folder: Path
) -> None:
    """Make weights of the files at `paths`, by their names in the registry."""
    # Conversion needs torch.
    from engine.conversion.convert import convert_clip, convert_vqgan

    generator = registry.generators[models.generator]
    to = _ready(generator.name, folder)
    convert_vqgan(paths[generator.checkpoint], paths[generator.config], to)
    for perceptor in (registry.perceptors[each.name] for each in models.perceptors):
        tokenizer = None if perceptor.tokenizer is None else paths[perceptor.tokenizer]
        to = _ready(perceptor.name, folder)
        convert_clip(paths[perceptor.checkpoint], perceptor.open_clip, to, tokenizer)


def _check_there(name: str, files: Iterable[WeightsFile], settings: WeightsSettings) -> None:
    missing = [each for each in files if not CacheEntry(each, settings.folder).exists]
    if missing:
        names = ", ".join(each.file for each in missing)
        raise WeightsError(
            f"the models {name!r} need files that are not here: {names}. "
            f"`python -m engine weights get {name}` fetches them"
        )


def _ready(part: str, folder: Path) -> Path:
    """Where the weights of a part belong, in a folder that exists."""
    to = weights_path(part, folder)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = str(to.parent)
        raise ModelError(f"the folder {where!r} cannot be made: {error.strerror}") from error
    return to
