"""Preparation of published models: download their files if needed, and convert them.

The demo models need none.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from engine.errors import WeightsError
from engine.models.catalogue import add_models, weights_path
from engine.painter_files import convert_painter_files, make_folder
from engine.weights.downloads import DownloadProgress, Missing
from engine.weights.fetching import Notify, fetch
from engine.weights.registry import Registry
from engine.weights.registry_entries import GeneratorEntry, ModelsEntry, PerceptorEntry, WeightsFile
from engine.weights.settings import WeightsSettings


def prepare_models(
    name: str,
    settings: WeightsSettings,
    *,
    fetches: bool,
    progress: Callable[[WeightsFile, int, int], None] = lambda *_: None,
    notify: Notify = lambda _: None,
) -> None:
    """Make sure that the models `name` can be loaded; this may block for hours.

    Models that are not in the registry need no preparation. Missing files are downloaded if
    `fetches` is True; otherwise they are an error. `progress` is called with the file that is
    downloaded, checked or unpacked, the bytes done and in all, 0 for unknown. An exception that it
    raises ends the preparation; the bytes so far are kept.

    Raises:
        WeightsError: files are missing, cannot be downloaded, or are not the right ones.
        ModelError: they cannot be converted.
    """
    add_models(settings)
    registry, folder = settings.registry(), settings.folder
    if name not in registry.models and name not in registry.painters:
        return
    files = registry.needed_files(name, folder)
    if not fetches:
        _check_present(name, f"the models {name!r} need", files, settings)
    downloads = DownloadProgress(Missing.of(files, folder))

    def show(file: WeightsFile, done: int, total: int) -> None:
        downloads.update(file, done)
        progress(file, done, total)

    paths = {
        file.name: fetch(
            file,
            folder,
            offline=settings.is_offline,
            progress=partial(show, file),
            notify=notify,
        )
        for file in files
    }
    downloads.note_speed()
    if name in registry.painters:
        painter = registry.painters[name]
        if painter.perceptor is not None:
            _convert_perceptor(registry.perceptors[painter.perceptor], paths, folder)
        convert_painter_files(painter, settings, paths, progress=progress, notify=notify)
    else:
        _convert(registry.models[name], registry, paths, folder)


def prepare_component(
    name: str, settings: WeightsSettings, *, notify: Notify = lambda _: None
) -> None:
    """Convert one generator or perceptor of the registry, whose files must be here.

    Raises:
        WeightsError: files are missing or not the right ones.
        ModelError: they cannot be converted.
    """
    registry, folder = settings.registry(), settings.folder
    files = registry.files_of(name)
    _check_present(name, f"{name!r} needs", files, settings)

    def show(_done: int, _total: int) -> None:
        """Ignore the progress: nothing is downloaded."""

    paths = {
        file.name: fetch(file, folder, offline=True, progress=show, notify=notify) for file in files
    }
    if name in registry.generators:
        _convert_generator(registry.generators[name], paths, folder)
    else:
        _convert_perceptor(registry.perceptors[name], paths, folder)


def missing_files(name: str, settings: WeightsSettings) -> Missing:
    """Return what `prepare_models` will download; nothing for models that need no preparation."""
    registry = settings.registry()
    is_known = name in registry.models or name in registry.painters
    files = registry.needed_files(name, settings.folder) if is_known else ()
    return Missing.of(files, settings.folder)


def _convert(
    models: ModelsEntry, registry: Registry, paths: Mapping[str, Path], folder: Path
) -> None:
    """Convert the files of some models; `paths` are by the files' names in the registry."""
    _convert_generator(registry.generators[models.generator], paths, folder)
    for name in models.components[1:]:
        _convert_perceptor(registry.perceptors[name], paths, folder)


def _convert_generator(generator: GeneratorEntry, paths: Mapping[str, Path], folder: Path) -> None:
    # Conversion needs torch.
    from engine.conversion.generator import convert_generator

    convert_generator(generator, paths, make_folder(weights_path(generator.name, folder)))


def _convert_perceptor(perceptor: PerceptorEntry, paths: Mapping[str, Path], folder: Path) -> None:
    from engine.conversion.convert import convert_clip

    tokenizer = None if perceptor.tokenizer is None else paths[perceptor.tokenizer]
    to = make_folder(weights_path(perceptor.name, folder))
    convert_clip(paths[perceptor.checkpoint], perceptor.open_clip, to, tokenizer)


def _check_present(
    name: str, who: str, files: Iterable[WeightsFile], settings: WeightsSettings
) -> None:
    missing = Missing.of(files, settings.folder)
    if missing.entries:
        names = ", ".join(each.file.file for each in missing.entries)
        raise WeightsError(
            f"{who} files that are not here: {names}. "
            f"`python -m engine weights get {name}` downloads {missing.size_text} "
            f"({missing.time_text}; {missing.licence_text})"
        )
