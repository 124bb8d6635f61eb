"""Files in the cache folder and elsewhere: when they are read again, and what goes with them."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from engine.errors import WeightsError
from engine.weights.cache import CacheEntry, check, remove
from engine.weights.fetching import fetch
from tests.engine.weights.faulty_server import CONTENT, OTHER, weights

RIGHT, WRONG = sha256(CONTENT).hexdigest(), sha256(OTHER).hexdigest()


class Reading:
    """Counts the bytes that are read again."""

    count = 0

    def __call__(self, done: int, _: int) -> None:
        self.count = done


def fetched(entry: CacheEntry) -> int:
    """Fetch what is there, and return how many bytes had to be read for that."""
    reading = Reading()
    assert fetch(entry.file, entry.folder, offline=True, progress=reading) == entry.path
    return reading.count


def test_a_file_put_there_by_hand_is_checked_once(tmp_path: Path):
    entry = CacheEntry(weights(mirrors=("https://a.example/x",)), tmp_path)
    entry.path.write_bytes(CONTENT)
    assert fetched(entry) == len(CONTENT)
    assert fetched(entry) == 0
    entry.path.write_bytes(CONTENT)
    later = entry.record.stat().st_mtime_ns + 10**9
    os.utime(entry.path, ns=(later, later))
    assert fetched(entry) == len(CONTENT)


@pytest.mark.parametrize(
    ("content", "told"),
    [(OTHER, f"{WRONG} instead of {RIGHT}"), (CONTENT[1:], f"instead of {len(CONTENT)}")],
)
def test_a_file_that_is_not_what_it_should_be_stays_and_is_named(
    tmp_path: Path, content: bytes, told: str
):
    entry = CacheEntry(weights(mirrors=("https://a.example/x",)), tmp_path)
    entry.path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"{told}.*weights remove x.ckpt"):
        fetched(entry)
    assert entry.path.read_bytes() == content


def test_a_damaged_record_is_no_fault(tmp_path: Path):
    entry = CacheEntry(weights(mirrors=("https://a.example/x",)), tmp_path)
    entry.path.write_bytes(CONTENT)
    for damaged in (b"", b"\xff", b"x" * 10_000, RIGHT.encode()[:-1]):
        entry.record.write_bytes(damaged)
        assert fetched(entry) == len(CONTENT)


def test_a_folder_in_a_file_s_place_is_refused(tmp_path: Path):
    entry = CacheEntry(weights(mirrors=("https://a.example/x",)), tmp_path)
    entry.path.mkdir()
    with pytest.raises(WeightsError, match="is not a file"):
        fetched(entry)


def test_a_local_file_is_checked_where_it_is_and_never_removed(tmp_path: Path):
    folder, own = tmp_path / "cache", tmp_path / "own.ckpt"
    entry = CacheEntry(weights(path=own), folder)
    with pytest.raises(WeightsError, match=r"own.ckpt' is not there.*weights.files.x.ckpt"):
        fetched(entry)
    own.write_bytes(CONTENT)
    assert fetched(entry) == len(CONTENT)
    assert fetched(entry) == 0
    remove([entry], [], folder)
    assert own.read_bytes() == CONTENT
    assert list(folder.iterdir()) == []
    own.write_bytes(OTHER)
    with pytest.raises(WeightsError, match=f"{WRONG} instead of {RIGHT}"):
        fetched(entry)


def test_removing_takes_all_that_belongs_to_it_and_nothing_else(tmp_path: Path):
    folder, elsewhere = tmp_path / "cache", tmp_path / "elsewhere"
    entry = CacheEntry(weights(mirrors=("https://a.example/x",)), folder)
    for path in (folder / "part", elsewhere):
        path.mkdir(parents=True)
        (path / "converted.safetensors").write_bytes(b"x")
    for path in (entry.path, entry.partial, entry.source, entry.record, folder / "y.ckpt"):
        path.write_bytes(b"x")
    (folder / "link").symlink_to(elsewhere)
    gone = remove([entry], ["part", "link", "missing"], folder)
    assert set(gone) == {entry.path, entry.partial, entry.source, entry.record, folder / "part"}
    assert {path.name for path in folder.iterdir()} == {"y.ckpt", "link"}
    assert list(elsewhere.iterdir())
    assert remove([entry], ["part"], folder) == []


def test_checking_notes_what_nobody_published(tmp_path: Path):
    entry = CacheEntry(weights(mirrors=("https://a.example/x",), sha256=None, bytes=None), tmp_path)
    entry.path.write_bytes(CONTENT)
    assert check(entry, lambda *_: None) == RIGHT
    entry.path.write_bytes(OTHER)
    with pytest.raises(WeightsError, match=f"{WRONG} instead of {RIGHT}"):
        check(entry, lambda *_: None)
