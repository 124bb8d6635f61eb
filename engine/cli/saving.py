"""Save what was painted: where it was asked for, or else nearby, so that no picture is lost."""

import os
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from engine.cli.messages import ResultError, print_notice, print_result
from engine.errors import PictureError
from engine.files import quoted

NOT_AS_ASKED = 3
"""Exit code of a run whose files are not all where they were asked for, or could not be printed."""
_MOST_NAMES = 1000
"""Number of names that are tried in a folder."""


class NameReservations:
    """Empty files that keep the names of outputs until these are written."""

    def __init__(self) -> None:
        self._identities: dict[Path, tuple[int, int]] = {}
        self._folders: dict[Path, int] = {}
        """Descriptors by which folders are found that are renamed meanwhile."""

    def add(self, path: Path) -> None:
        """Reserve the name; raises `PictureError` if it is taken meanwhile."""
        try:
            with path.open("xb") as file:
                self._identities[path] = _identity(os.fstat(file.fileno()))
            if os.unlink in os.supports_dir_fd and path.parent not in self._folders:
                self._folders[path.parent] = os.open(path.parent, os.O_RDONLY)
        except FileExistsError as error:
            raise PictureError(
                f"Cannot write {quoted(path)}: another run has just taken this name."
            ) from error
        except OSError as error:
            raise PictureError(f"Cannot write {quoted(path)}: {error.strerror}.") from error

    def release(self, path: Path) -> None:
        """Remove the empty file, unless something else has taken its place."""
        identity, folder = self._identities.pop(path, None), self._folders.get(path.parent)
        name = path if folder is None else path.name
        with suppress(OSError):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if _identity(found) == identity and found.st_size == 0:
                os.unlink(name, dir_fd=folder)

    def release_all(self) -> None:
        """Remove all empty files that are left."""
        for path in tuple(self._identities):
            self.release(path)
        while self._folders:
            os.close(self._folders.popitem()[1])


@contextmanager
def reserved(paths: Iterable[Path]) -> Generator[NameReservations]:
    """Keep names from other programs during the block, until each is released.

    Raises:
        PictureError: A name is taken meanwhile.
    """
    reservations = NameReservations()
    with ExitStack() as stack:
        stack.callback(reservations.release_all)
        for path in paths:
            reservations.add(path)
        yield reservations


class Results:
    """The files of one picture: saved, and printed once all are saved."""

    def __init__(self, reservations: NameReservations) -> None:
        self.paths: list[Path] = []
        """Paths of the files, in the order in which they are printed."""
        self.as_asked = True
        """False once a file is not where it was asked for, or could not be printed."""
        self._reservations = reservations

    @property
    def exit_code(self) -> int:
        """0 if all is as asked, else `NOT_AS_ASKED`."""
        return 0 if self.as_asked else NOT_AS_ASKED

    def save(self, path: Path, write: Callable[[Path], None]) -> Path:
        """Call `write` with the path or, while that fails, with others; return the path written.

        Raises:
            PictureError: No place can be written; the error is that of `path`.
        """
        self._reservations.release(path)
        try:
            write(path)
            return path
        except (PictureError, OSError) as error:
            place = _write_elsewhere(path, write)
            if place is None:
                raise
            self.complain(f"{_sentence(error)} It is saved as {quoted(place)} instead.")
            return place

    def complain(self, message: str) -> None:
        """Say that something is not as asked."""
        self.as_asked = False
        print_notice(f"note: {message}")

    def print_paths(self) -> None:
        """Print the paths of all files; the files stay if that fails."""
        for path in self.paths:
            try:
                print_result(path)
            except (ResultError, BrokenPipeError) as error:
                self.complain(f"the path {quoted(path)} could not be printed: {error}")


def _write_elsewhere(path: Path, write: Callable[[Path], None]) -> Path | None:
    """Return the first path nearby that could be written, or None."""
    for folder in _folders_near(path):
        place = _free_path(folder, path)
        try:
            write(place)
            return place
        except (PictureError, OSError):
            continue
    return None


def _folders_near(path: Path) -> Iterator[Path]:
    """Yield folders: the nearest two above the path, the working and the temporary folder."""
    yield from [folder for folder in path.parents if folder.is_dir()][:2]
    for place in (Path.cwd, tempfile.gettempdir):
        with suppress(OSError):
            yield Path(place())


def _free_path(folder: Path, path: Path) -> Path:
    """Return a path in the folder with a name like that of `path`, which no file has."""
    names = [path.name, *(f"{path.stem}-{n}{path.suffix}" for n in range(2, _MOST_NAMES))]
    return next((folder / name for name in names if not os.path.lexists(folder / name)), path)


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _sentence(error: PictureError | OSError) -> str:
    text = str(error) if isinstance(error, PictureError) else str(error.strerror or error)
    return text if text.endswith(".") else f"{text}."
