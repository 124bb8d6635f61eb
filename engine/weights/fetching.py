"""Download a file from its mirrors to the cache folder.

If a mirror fails, the next one is tried, and continues where the first was interrupted. Only a file
of the right length and hash gets its final name.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import filelock
import httpx2

from engine.config_file import hide_logins
from engine.errors import WeightsError
from engine.files import quoted
from engine.weights.cache import CacheEntry, ProgressCallback, check
from engine.weights.partial_file import PartialFile
from engine.weights.registry_entries import WeightsFile
from engine.weights.transfer import (
    InterruptedTransferError,
    UnusableMirrorError,
    check_free,
    download_range,
)

CONNECT_SECONDS = 15.0
READ_SECONDS = 30.0
"""The longest silence of a mirror in seconds."""
ATTEMPTS = 5
"""The number of attempts without progress after which a mirror is left."""
CONNECTIONS = 500
"""The limit on all attempts at one mirror."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before a mirror is asked again; each pause is twice the one before."""

Notify = Callable[[str], None]
"""Takes notices for a person, each one sentence."""


def fetch(
    file: WeightsFile,
    folder: Path,
    *,
    offline: bool,
    progress: ProgressCallback,
    notify: Notify = lambda _: None,
) -> Path:
    """Return the path of `file`, and download it into `folder` if it is missing.

    It may block for hours. Only one program at a time downloads into a folder; others wait. A file
    that was put there by hand is checked first. Local files are checked where they are. `progress`
    is called also while it waits. `notify` takes notices, such as why a mirror was left.

    Raises:
        WeightsError: the file cannot be downloaded, does not fit on the disk, or is damaged.
    """
    entry = CacheEntry(file, folder)
    try:
        is_checked, exists = entry.is_checked, entry.exists
    except OSError as error:
        raise WeightsError(f"cannot look at {quoted(entry.path)}: {error.strerror}") from error
    if is_checked:
        return entry.path
    if exists or file.path is not None:
        check(entry, progress)
        return entry.path
    if offline:
        raise WeightsError(_how_by_hand(entry))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"cannot make the folder {quoted(folder)}: {error.strerror}") from error
    with lock_folder(folder, progress=lambda: progress(0, file.bytes or 0), notify=notify):
        if entry.exists:  # another program downloaded it meanwhile
            check(entry, progress)
        else:
            _Download(entry, progress, notify).run()
    return entry.path


@contextmanager
def lock_folder(folder: Path, *, progress: Callable[[], None], notify: Notify) -> Generator[None]:
    """Wait until no other program changes the cache folder, then keep others waiting."""
    lock = filelock.FileLock(folder / ".lock")
    timeout = 0.0
    while True:
        try:
            lock.acquire(timeout=timeout)
            break
        except filelock.Timeout:
            if not timeout:
                notify(f"another program is downloading into {quoted(folder)}: waiting for it")
            timeout = 1.0
            progress()
        except OSError as error:
            raise WeightsError(f"cannot write into {quoted(folder)}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


class _Download:
    """The download of one file."""

    def __init__(self, entry: CacheEntry, progress: ProgressCallback, notify: Notify) -> None:
        self._entry = entry
        self._file = entry.file
        self._progress = progress
        self._notify = notify
        self._expected = entry.expected
        self._failures: list[str] = []

    def run(self) -> None:
        """Try the mirrors in turn; raises `WeightsError` if none has the file."""
        with PartialFile(self._entry) as partial, _client() as client:
            if self._file.bytes is not None:
                if partial.length > self._file.bytes:
                    partial.restart()
                check_free(self._entry, partial.length, self._file.bytes)
            if not any(self._try(client, url, partial) for url in self._file.mirrors):
                raise WeightsError(self._why_not(partial))

    def _try(self, client: httpx2.Client, url: str, partial: PartialFile) -> bool:
        """Return True if the mirror delivered the file."""
        host = urlsplit(url).netloc.rpartition("@")[2]
        try:
            self._download_from(client, url, partial)
            return True
        except UnusableMirrorError as error:
            self._failures.append(f"{host}: {error}")
            self._notify(f"{self._file.file} from {host}: {error}")
            return False

    def _download_from(self, client: httpx2.Client, url: str, partial: PartialFile) -> None:
        """Ask a mirror until the file is complete; raises `UnusableMirrorError` if that fails."""
        failures_without_progress, was_reached, was_wrong = 0, False, False
        for _ in range(CONNECTIONS):
            before = partial.length
            try:
                if not self._is_complete(partial):
                    download_range(client, url, partial, self._progress)
            except InterruptedTransferError as error:
                was_reached = was_reached or error.was_reached
                failures_without_progress += 1
                if partial.length > before:
                    failures_without_progress = 0
                if failures_without_progress >= ATTEMPTS or not was_reached:
                    raise UnusableMirrorError(str(error)) from error
                pause = FIRST_PAUSE * 2 ** max(0, failures_without_progress - 1)
                self._wait(max(error.wait, min(LONGEST_PAUSE, pause)), partial)
                continue
            wrong = self._what_is_wrong(partial)
            if wrong is None:
                self._finish(partial)
                return
            # If the bytes came from several responses, any of them may have been wrong.
            may_restart = partial.is_resumed and not was_wrong
            partial.restart()
            if not may_restart:
                raise UnusableMirrorError(wrong)
            was_wrong = True
        raise UnusableMirrorError("the connection was cut again and again")

    def _what_is_wrong(self, partial: PartialFile) -> str | None:
        """Return which hash of the complete file is wrong, None for none."""
        if self._expected not in (None, partial.sha256):
            return f"the SHA-256 of its file is {partial.sha256} instead of {self._expected}"
        if self._file.md5 not in (None, partial.md5):
            return f"the MD5 of its file is {partial.md5} instead of {self._file.md5}"
        return None

    def _is_complete(self, partial: PartialFile) -> bool:
        """Return True if a partial file has the full length and is known to be from a mirror."""
        is_known = self._expected is not None or partial.source is not None
        return is_known and partial.length == self._file.bytes

    def _finish(self, partial: PartialFile) -> None:
        found = partial.sha256
        self._entry.write_record(found)
        partial.finish()
        if self._file.sha256 is None:
            self._notify(
                f"nobody published a {'SHA-256' if self._file.md5 else 'checksum'} of "
                f"{self._file.file}: the downloaded file has the "
                f"SHA-256 {found}, with which `verify` and every other mirror must agree from now "
                "on"
            )

    def _wait(self, seconds: float, partial: PartialFile) -> None:
        """Wait, and call `progress` meanwhile so that it can end the download."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._progress(partial.length, self._file.bytes or 0)
            time.sleep(min(left, 1.0))

    def _why_not(self, partial: PartialFile) -> str:
        kept = f"; the first {partial.length / 1e6:.1f} MB are kept" if partial.length else ""
        return (
            f"cannot download {self._file.file!r}: {'; '.join(self._failures)}{kept}; try again "
            f"later, or put the file into {quoted(self._entry.folder)} by hand"
        )


def _client() -> httpx2.Client:
    """Make a client that uses the proxies of the environment."""
    try:
        return httpx2.Client(timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS))
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise WeightsError(
            "a proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) cannot be "
            f"used: {hide_logins(str(error))}"
        ) from error


def _how_by_hand(entry: CacheEntry) -> str:
    facts = [f"{entry.file.bytes} bytes"] if entry.file.bytes else []
    facts += [f"SHA-256 {entry.expected}"] if entry.expected else []
    told = f" ({', '.join(facts)})" if facts else ""
    return (
        f"{entry.file.file!r} is not there, and offline mode is on: put the file{told} into "
        f"{quoted(entry.folder)} by hand, or allow downloads (config.toml, [weights] offline, and "
        "the variable HF_HUB_OFFLINE)"
    )
