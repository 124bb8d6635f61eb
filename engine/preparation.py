"""Preparation: published models are fetched, if that is wanted, and converted before they load.

The demo pair needs none of it.
"""

from collections.abc import Callable

from engine.catalogue import add_models, weights_path
from engine.errors import ModelError, WeightsError
from engine.weights.cache import Place
from engine.weights.entries import WeightsFile
from engine.weights.fetching import fetch
from engine.weights.settings import WeightsSettings


def prepare_models(
    name: str,
    settings: WeightsSettings,
    *,
    fetches: bool,
    progress: Callable[[WeightsFile, int, int], None] = lambda *_: None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Make sure that `load_models(name)` finds what it needs. It takes as long as it takes.

    Args:
        name: of models in the registry; others need no preparation.
        settings: where weights lie, and what models there are.
        fetches: whether files that are missing are fetched; else they are an error.
        progress: called with the file that is fetched or checked, the bytes done and in all, 0 for
            unknown. What it raises ends the preparation, and what has come is kept.
        tell: takes notices for a person.

    Raises:
        WeightsError: files are missing, cannot be fetched, or are not what they should be.
        ModelError: they cannot be converted.
    """
    add_models(settings)
    registry = settings.registry()
    if name not in registry.models:
        return
    files = {file.name: file for file in registry.files_of(name)}
    if not fetches:
        _check_there(name, list(files.values()), settings)
    paths = {
        file.name: fetch(
            file,
            settings.folder,
            offline=settings.is_offline,
            progress=lambda done, total, file=file: progress(file, done, total),
            tell=tell,
        )
        for file in files.values()
    }
    # Conversion needs torch.
    from engine.conversion.converting import convert_clip, convert_vqgan

    models = registry.models[name]
    generator = registry.generators[models.generator]
    perceptors = [registry.perceptors[each.name] for each in models.perceptors]
    for part in (generator, *perceptors):
        _make_folder(part.name, settings)
    to = weights_path(generator.name, settings.folder)
    convert_vqgan(paths[generator.checkpoint], paths[generator.config], to)
    for each in perceptors:
        to = weights_path(each.name, settings.folder)
        tokenizer = None if each.tokenizer is None else paths[each.tokenizer]
        convert_clip(paths[each.checkpoint], each.open_clip, to, tokenizer)


def _check_there(name: str, files: list[WeightsFile], settings: WeightsSettings) -> None:
    missing = [each for each in files if not Place(each, settings.folder).is_there]
    if missing:
        names = ", ".join(each.file for each in missing)
        raise WeightsError(
            f"the models {name!r} need files that are not here: {names}. "
            f"`python -m engine weights get {name}` fetches them"
        )


def _make_folder(part: str, settings: WeightsSettings) -> None:
    folder = weights_path(part, settings.folder).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"the folder {str(folder)!r} cannot be made: {error.strerror}") from error
