"""Fetching: a file from one of its mirrors to its final name, where it lies whole and checked.

Whatever goes wrong with a mirror, the next one is tried, and what has come is kept and gone on
with. Only a file of the right length and hash takes its final name.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import filelock
import httpx2

from engine.errors import WeightsError
from engine.files import quoted
from engine.weights.cache import Place, Progress, check
from engine.weights.partial_file import Part
from engine.weights.registry_entries import WeightsFile
from engine.weights.transfer import (
    InterruptedTransferError,
    UnusableMirrorError,
    check_free,
    receive,
)

CONNECT_SECONDS = 15.0
READ_SECONDS = 30.0
"""How long a mirror may be silent."""
ATTEMPTS = 5
"""How often in a row a mirror is asked that brings nothing."""
CONNECTIONS = 500
"""How often it is asked at all."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before a mirror is asked again; each pause is twice the one before."""

Tell = Callable[[str], None]
"""Takes sentences for a person to read."""


def fetch(
    file: WeightsFile,
    folder: Path,
    *,
    offline: bool,
    progress: Progress,
    tell: Tell = lambda _: None,
) -> Path:
    """The path of `file`, which is fetched into `folder` if it is not there.

    It is synchronous and takes as long as it takes. One file at a time is fetched into a folder,
    whatever the number of programs: who comes second waits. A file that lies there unchecked, put
    there by hand, is checked first. Local files are checked where they are.

    Args:
        file: an entry of the registry.
        folder: the cache folder; made if it is not there.
        offline: fetch nothing.
        progress: called with the bytes done and in all, 0 for unknown; also while it waits. What
            it raises ends the fetch, and what has come is kept.
        tell: takes notices, such as why a mirror was left.

    Raises:
        WeightsError: it cannot be fetched, there is no room for it, or what there is is damaged.
    """
    place = Place(file, folder)
    try:
        is_checked, is_there = place.is_checked, place.is_there
    except OSError as error:
        raise WeightsError(f"cannot look at {quoted(place.path)}: {error.strerror}") from error
    if is_checked:
        return place.path
    if is_there or file.path is not None:
        check(place, progress)
        return place.path
    if offline:
        raise WeightsError(_how_by_hand(place))
    _make(folder)
    with one_at_a_time(folder, progress=lambda: progress(0, file.bytes or 0), tell=tell):
        if place.is_there:
            check(place, progress)
        else:
            _Fetch(place, progress, tell).run()
    return place.path


@contextmanager
def one_at_a_time(folder: Path, *, progress: Callable[[], None], tell: Tell) -> Iterator[None]:
    """Wait until no other program changes the cache folder, then keep others waiting."""
    lock = filelock.FileLock(folder / ".lock")
    timeout = 0.0
    while True:
        try:
            lock.acquire(timeout=timeout)
            break
        except filelock.Timeout:
            if not timeout:
                tell(f"another program is fetching into {quoted(folder)}: waiting for it")
            timeout = 1.0
            progress()
        except OSError as error:
            raise WeightsError(f"cannot write into {quoted(folder)}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


class _Fetch:
    """One file on its way."""

    def __init__(self, place: Place, progress: Progress, tell: Tell) -> None:
        self._place = place
        self._file = place.file
        self._progress = progress
        self._tell = tell
        self._expected = place.expected
        self._failures: list[str] = []

    def run(self) -> None:
        with Part(self._place) as part, _client() as client:
            if self._file.bytes is not None:
                if part.length > self._file.bytes:
                    part.restart()
                check_free(self._place.folder, self._file, part.length, self._file.bytes)
            if not any(self._try(client, url, part) for url in self._file.mirrors):
                raise WeightsError(self._why_not(part))

    def _try(self, client: httpx2.Client, url: str, part: Part) -> bool:
        """Whether a mirror brought the file to its end."""
        host = urlsplit(url).netloc.rpartition("@")[2]
        try:
            self._exhaust(client, url, part)
            return True
        except UnusableMirrorError as error:
            self._failures.append(f"{host}: {error}")
            self._tell(f"{self._file.file} from {host}: {error}")
            return False

    def _exhaust(self, client: httpx2.Client, url: str, part: Part) -> None:
        """Ask a mirror until the file is here; raises `UnusableMirrorError` if it does not help."""
        barren, was_reached, was_wrong = 0, False, False
        for _ in range(CONNECTIONS):
            before = part.length
            try:
                if not self._is_whole(part):
                    receive(client, url, self._file, part, self._progress)
                self._finish(part)
                return
            except InterruptedTransferError as error:
                was_reached = was_reached or error.was_reached
                barren = 0 if part.length > before else barren + 1
                if barren >= ATTEMPTS or not was_reached:
                    raise UnusableMirrorError(str(error)) from error
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** max(0, barren - 1))
                self._pause(max(error.wait, pause), part)
            except _WrongFileError as error:
                # Of what was put together from several answers, any may have been wrong.
                if was_wrong or not error.was_joined:
                    raise UnusableMirrorError(str(error)) from error
                was_wrong = True
        raise UnusableMirrorError("the connection was cut again and again")

    def _is_whole(self, part: Part) -> bool:
        """Whether a part is as long as the file, and known to come from a mirror."""
        is_known = self._expected is not None or part.origin is not None
        return is_known and part.length == self._file.bytes

    def _finish(self, part: Part) -> None:
        """Give the file its name if it is the right one; else nothing of it is kept."""
        found = part.sha256
        if self._expected not in (None, found):
            error = _WrongFileError(
                f"the SHA-256 of its file is {found} instead of {self._expected}", part.joined
            )
            part.restart()
            raise error
        self._place.write_record(found)
        part.finish()
        if self._file.sha256 is None:
            self._tell(
                f"nobody published a checksum of {self._file.file}: what came has the SHA-256 "
                f"{found}, which `verify` and every other mirror must agree with from now on"
            )

    def _pause(self, seconds: float, part: Part) -> None:
        """Wait, and give whoever wants to end this a chance."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._progress(part.length, self._file.bytes or 0)
            time.sleep(min(left, 1.0))

    def _why_not(self, part: Part) -> str:
        kept = f"; the {part.length / 1e6:.1f} MB that have come are kept" if part.length else ""
        return (
            f"cannot fetch {self._file.file!r}: {'; '.join(self._failures)}{kept}; try again "
            f"later, or put the file into {quoted(self._place.folder)} by hand"
        )


class _WrongFileError(Exception):
    """A file of the right length has another hash."""

    def __init__(self, why: str, was_joined: bool) -> None:
        super().__init__(why)
        self.was_joined = was_joined
        """Whether it was put together from several answers."""


def _client() -> httpx2.Client:
    """A client that goes by the proxies that the environment names."""
    try:
        return httpx2.Client(timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS))
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise WeightsError(
            f"a proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) cannot be "
            f"used: {error}"
        ) from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"cannot make the folder {quoted(folder)}: {error.strerror}") from error


def _how_by_hand(place: Place) -> str:
    facts = [f"{place.file.bytes} bytes"] if place.file.bytes else []
    facts += [f"SHA-256 {place.expected}"] if place.expected else []
    told = f" ({', '.join(facts)})" if facts else ""
    return (
        f"{place.file.file!r} is not there, and offline mode is on: put the file{told} into "
        f"{quoted(place.folder)} by hand, or allow fetching (config.toml, [weights] offline, and "
        "the variable HF_HUB_OFFLINE)"
    )
