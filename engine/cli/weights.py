"""The files of published models on the command line: list, get, verify, check, remove."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from engine.cli.messages import NoticeStream, print_notice, print_result
from engine.cli.progress import ByteBar
from engine.cli.signals import Stopped
from engine.errors import WeightsError
from engine.files import quoted
from engine.weights.cache import CacheEntry, check, remove
from engine.weights.downloads import DownloadProgress, Missing, about
from engine.weights.fetching import fetch, lock_folder
from engine.weights.painter_tables import PainterTable
from engine.weights.registry import Registry
from engine.weights.registry_entries import GeneratorEntry, ModelsEntry, PerceptorEntry, WeightsFile
from engine.weights.settings import WeightsSettings, read_weights_settings


def run(arguments: argparse.Namespace) -> int:
    """Run `python -m engine weights`; raises an `EngineError` for what cannot be done."""
    try:
        return _act(arguments, read_weights_settings(arguments.config))
    except Stopped as stopped:
        print_notice("stopped: the part that was downloaded is kept, the same command continues")
        return stopped.exit_code


def _act(arguments: argparse.Namespace, settings: WeightsSettings) -> int:
    match arguments.action:
        case "get":
            return _get(arguments.name, settings)
        case "verify":
            return _verify(arguments.name, settings)
        case "check":
            from engine.cli.weights_check import check

            return check(arguments, settings)
        case "remove":
            return _remove(arguments.name, settings)
        case _:
            return _list(settings)


def _get(name: str, settings: WeightsSettings) -> int:
    """Download the missing files of `name` and print the paths of all."""
    registry = settings.registry()
    files = registry.needed_files(name, settings.folder)
    whole = registry.models.get(name) or registry.painters.get(name)
    if whole is not None and whole.limits:
        print_notice(f"note: {whole.limits}")
    downloads = DownloadProgress(Missing.of(files, settings.folder))
    if downloads.missing.entries and not settings.is_offline:
        missing = downloads.missing
        print_notice(f"{missing.size_text} are missing: {missing.time_text}")
    for file in files:
        entry = CacheEntry(file, settings.folder)
        if not entry.exists and not settings.is_offline:
            print_notice(f"downloading {file.file} into {quoted(settings.folder)}{_so_far(entry)}")
            if file.licence:
                print_notice(f"note: {file.licence}")
        with ByteBar(file.file) as bar:

            def show(done: int, total: int, file: WeightsFile = file, bar: ByteBar = bar) -> None:
                downloads.update(file, done)
                bar.show(done, total)

            path = fetch(
                file, settings.folder, offline=settings.is_offline, progress=show, notify=_note
            )
        print_result(path)
    downloads.note_speed()
    return 0


def _so_far(entry: CacheEntry) -> str:
    length = entry.file.expected_bytes
    size = "" if length is None else f" of {about([entry.file])}{length / 1e6:,.1f} MB"
    return f": {entry.size / 1e6:,.1f} MB{size} are there" if entry.size or size else ""


def _verify(name: str | None, settings: WeightsSettings) -> int:
    """Read the files of `name`, by default all, and compare and print their hashes.

    Raises `WeightsError` if any differs.
    """
    registry = settings.registry()
    files = registry.files.values() if name is None else registry.files_of(name)
    entries = [CacheEntry(file, settings.folder) for file in files]
    faults: list[str] = []
    for entry in entries:
        if name is None and not entry.exists:
            continue
        is_known = entry.expected is not None
        try:
            with ByteBar(entry.file.file) as bar:
                found = check(entry, bar.show)
            doubt = "" if is_known else ", recorded now since nobody published it"
            print_result(f"{entry.path}: correct, SHA-256 {found}{doubt}")
        except WeightsError as error:
            faults.append(str(error))
    if faults:
        raise WeightsError("; ".join(faults))
    if name is None and not any(entry.exists for entry in entries):
        print_notice("note: there are no files yet")
    return 0


def _remove(name: str, settings: WeightsSettings) -> int:
    """Remove the files of `name` that no other models need, and print their paths."""
    registry, folder = settings.registry(), settings.folder
    components = _unshared_components(name, registry)
    is_whole = name in registry.models or name in registry.painters
    names = components if is_whole else (name,)
    others = [each for each in registry.painters if is_whole and each != name]
    shared = {file.name for other in others for file in registry.files_of(other)}
    found = {file.name: file for each in names for file in registry.files_of(each)}
    files = [file for file in found.values() if file.name not in shared]
    for file in files:
        if file.path is not None:
            print_notice(f"note: {str(file.path)!r} stays, since it is not in the cache folder")
    removed: list[Path] = []
    if folder.is_dir():
        with lock_folder(folder, progress=lambda: None, notify=_note):
            removed = remove([CacheEntry(file, folder) for file in files], components, folder)
    for path in removed:
        print_result(path)
    if not removed:
        print_notice(f"note: there are no files of {name}")
    return 0


def _unshared_components(name: str, registry: Registry) -> tuple[str, ...]:
    """Return the components of `name`, of models only those that no other models use."""
    components = registry.components_of(name)
    whole = (*registry.models, *registry.painters)
    if name not in whole:
        return components
    others = [each for each in whole if each != name]
    shared = {component for other in others for component in registry.components_of(other)}
    for component in sorted(shared.intersection(components)):
        print_notice(f"note: {component} stays, other models use it too: remove it by its own name")
    return tuple(component for component in components if component not in shared)


def _list(settings: WeightsSettings) -> int:
    """Print all entries, and which of their files are present."""
    registry = settings.registry()
    listing = _Listing(registry, settings.folder)
    components = [*registry.generators.values(), *registry.perceptors.values()]
    parts = [
        *map(listing.models, registry.models.values()),
        *map(listing.painter, registry.painters.values()),
        *map(listing.component, components),
    ]
    print_result("\n\n".join(parts))
    return 0


class _Listing:
    """Describes entries, one paragraph each."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry = registry
        self._folder = folder

    def models(self, entry: ModelsEntry) -> str:
        shares = [f"{each.name} x {each.weight:g}" for each in entry.perceptors]
        seen_by = shares if len(shares) > 1 else [entry.perceptors[0].name]
        return (
            f"{entry.name}: {entry.description}\n"
            f"  limits  {entry.limits or 'not said'}\n"
            f"  made of {', '.join((entry.generator, *seen_by))}\n"
            f"  files   {self._sum(entry.name)}"
        )

    def painter(self, entry: PainterTable) -> str:
        lines = [
            f"{entry.name}: {entry.description}",
            f"  limits  {entry.limits or 'not said'}",
            f"  painter {entry.kind}",
            f"  files   {self._sum(entry.name)}",
            *(f"  file    {self._file(name)}" for name in entry.file_names),
            *self._licences(entry.file_names),
        ]
        if entry.perceptor is not None:
            lines.insert(3, f"  made of {entry.perceptor}, and files of its own")
        return "\n".join(lines)

    def component(self, entry: GeneratorEntry | PerceptorEntry) -> str:
        lines = [f"{entry.name}: {entry.description}"]
        lines += [f"  file    {self._file(name)}" for name in entry.files]
        if isinstance(entry, PerceptorEntry):
            lines.append(f"  fits    open_clip's {entry.open_clip}")
            if entry.memory is not None:
                lines.append(
                    f"  memory  {entry.memory.weights / 1e6:,.0f} MB, and "
                    f"{entry.memory.per_cutout / 1e6:,.1f} MB for each cutout, in float32"
                )
        elif entry.memory is not None:
            lines.append(
                f"  memory  {entry.memory.weights / 1e6:,.0f} MB, and "
                f"{entry.memory.per_pixel * 256**2 / 1e6:,.0f} MB for 256x256 pixels, in float32"
            )
        lines += self._licences(entry.files)
        return "\n".join(lines)

    def _sum(self, name: str) -> str:
        files = self._registry.needed_files(name, self._folder)
        here = all(CacheEntry(file, self._folder).exists for file in files)
        size = sum(file.expected_bytes or 0 for file in files) / 1e6
        return f"{about(files)}{size:,.1f} MB in all, {'all here' if here else 'not all here'}"

    def _licences(self, names: Iterable[str]) -> list[str]:
        texts = dict.fromkeys(self._registry.files[name].licence for name in names)
        return [f"  licence {text}" for text in texts if text]

    def _file(self, name: str) -> str:
        entry = CacheEntry(self._registry.files[name], self._folder)
        size, length = "length unknown", entry.file.expected_bytes
        if length is not None:
            size = f"{about([entry.file])}{length / 1e6:,.1f} MB"
        is_published = entry.file.sha256 or entry.file.md5
        hashed = "" if is_published else ", no checksum published"
        return f"{entry.file.file} ({size}, {_state(entry)}{hashed})"


def _state(entry: CacheEntry) -> str:
    if entry.exists:
        return "here" if entry.is_checked else "here, not checked yet"
    if entry.size:
        return f"{entry.size / 1e6:,.1f} MB of it here"
    return "missing"


def _note(text: str) -> None:
    with tqdm.external_write_mode(file=NoticeStream()):
        print_notice(f"note: {text}")
