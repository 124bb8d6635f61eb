"""Convert the published files of other painters; an archive is unpacked for that and then removed.

`engine.preparation` downloads the files first.
"""

import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.errors import ModelError
from engine.weights.archives import unpack
from engine.weights.fetching import Notify
from engine.weights.painter_tables import PainterTable
from engine.weights.registry_entries import WeightsFile
from engine.weights.settings import WeightsSettings

FileProgress = Callable[[WeightsFile, int, int], None]
"""Called often with a file, the bytes done and the bytes in all, 0 for unknown."""
_UNPACKED = "unpacked"
"""The folder beside the weights in which the members of an archive lie for a while."""


def convert_painter_files(
    painter: PainterTable,
    settings: WeightsSettings,
    paths: Mapping[str, Path],
    *,
    progress: FileProgress = lambda *_: None,
    notify: Notify = lambda _: None,
) -> None:
    """Convert the files of another painter's models, without its perceptor's.

    Args:
        painter: the models.
        settings: where weights lie, and whether archives stay.
        paths: paths by the files' names in the registry, which may lack an archive that was
            converted before.
        progress: called while an archive is unpacked.
        notify: takes notices, such as that an archive was removed.

    Raises:
        WeightsError: an archive is not the right one, or does not fit on the disk.
        ModelError: a file cannot be converted.
    """
    folder = settings.folder
    sources = {role: paths[name] for role, name in painter.files.items()}
    if painter.archive is None:
        _convert(painter, sources, folder)
    elif not painter.is_made(folder):
        file = settings.registry().files[painter.archive]
        with _unpacked(painter, file, paths[file.name], folder, progress) as members:
            _convert(painter, sources | members, folder)
        if file.path is None and not settings.keep_archives:
            paths[file.name].unlink(missing_ok=True)
            notify(
                f"{file.file} was converted and then removed; keep_archives = true in "
                "config.toml, [weights], keeps such files"
            )


def make_folder(path: Path) -> Path:
    """Make the folder of a file that will be written, and return the file's path."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = str(path.parent)
        raise ModelError(f"the folder {where!r} cannot be made: {error.strerror}") from error
    return path


@contextmanager
def _unpacked(
    painter: PainterTable, file: WeightsFile, archive: Path, folder: Path, progress: FileProgress
) -> Generator[dict[str, Path]]:
    """Unpack the members of an archive for the block; yield their paths by what they hold."""
    place = folder / painter.name / _UNPACKED
    paths = {role: make_folder(place / painter.member_file(role)) for role in painter.members}
    try:
        members = {painter.members[role]: path for role, path in paths.items()}
        unpack(archive, members, lambda done: progress(file, done, 0))
        yield paths
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _convert(painter: PainterTable, sources: Mapping[str, Path], folder: Path) -> None:
    to = {role: make_folder(path) for role, path in painter.weights(folder).items()}
    # Conversion needs torch.
    match painter.kind:
        case "glide":
            from engine.glide.published import convert_glide

            convert_glide(sources, to, inpainting=painter.inpainting)
        case "mindalle":
            from engine.mindalle.published import convert_mindalle

            convert_mindalle(sources, to)
        case "open-edit":
            from engine.open_edit.published import convert_open_edit

            convert_open_edit(sources, to)
