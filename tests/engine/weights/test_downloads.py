"""What is missing of some models, and how far its download is."""

from pathlib import Path

import pytest

from engine.weights import downloads
from engine.weights.cache import CacheEntry
from engine.weights.downloads import DownloadProgress, Missing
from engine.weights.registry_entries import WeightsFile


def file(name: str, size: int | None, licence: str = "") -> WeightsFile:
    return WeightsFile(name=name, mirrors=("http://127.0.0.1/x",), bytes=size, licence=licence)


def test_sizes_times_and_licences_are_told(tmp_path: Path):
    first, second = file("a.ckpt", 30_000_000, "free"), file("b.ckpt", 10_000_000, "free")
    CacheEntry(first, tmp_path).partial.write_bytes(bytes(10_000_000))
    missing = Missing.of((first, second), tmp_path)
    assert missing.size_text == "30 MB"
    assert missing.licence_text == "free"
    assert "unknown" in missing.time_text
    CacheEntry(second, tmp_path).path.write_bytes(b"here")
    assert Missing.of((first, second), tmp_path).size_text == "20 MB"
    unknown = Missing.of((file("c.ckpt", None),), tmp_path)
    assert unknown.size_text == "at least 0 MB"
    assert unknown.licence_text == "no licence is stated"


def test_progress_counts_what_is_missing_and_notes_the_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first, second = file("a.ckpt", 3_000_000), file("b.ckpt", 1_000_000)
    CacheEntry(first, tmp_path).partial.write_bytes(bytes(1_000_000))
    progress = DownloadProgress(Missing.of((first, second), tmp_path))
    assert not progress.has_begun
    progress.update(file("other.ckpt", 5), 5)
    progress.update(first, 0)  # waiting for another program
    assert progress.has_begun
    assert progress.share == 0.25
    progress.update(first, 3_000_000)
    assert progress.share == 0.75
    assert progress.seconds_left is None
    progress.note_speed()
    assert not list(tmp_path.glob(".speed"))
    monkeypatch.setattr(downloads, "_ENOUGH_BYTES", 1)
    monkeypatch.setattr(downloads, "_ENOUGH_SECONDS", 0.0)
    left = progress.seconds_left
    assert left is not None
    assert left > 0
    progress.note_speed()
    assert "at the speed of the last download" in progress.missing.time_text


def test_without_a_published_length_nothing_is_promised(tmp_path: Path):
    progress = DownloadProgress(Missing.of((file("a.ckpt", None),), tmp_path))
    progress.update(file("a.ckpt", None), 5)
    assert progress.share is None
    assert progress.seconds_left is None
