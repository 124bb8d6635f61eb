"""Single files of a published archive, which may be anything."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest

from engine.errors import WeightsError
from engine.weights import archives
from engine.weights.archives import unpack

CONTENT = b"weights " * 1000


def entry(name: str, content: bytes = CONTENT, **changes: object) -> tuple[tarfile.TarInfo, bytes]:
    """Return a member of an archive, by default a plain file."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


def write(path: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def unpacked(tmp_path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    archive, to = write(tmp_path / "a.tar.gz", members), tmp_path / "out.bin"
    unpack(archive, {"1.3B/x.ckpt": to})
    return to.read_bytes()


def test_named_members_are_written_and_no_others(tmp_path: Path):
    told: list[int] = []
    archive = write(
        tmp_path / "a.tar.gz",
        [
            entry("1.3B", b"", type=tarfile.DIRTYPE),
            entry("1.3B/x.ckpt"),
            entry("1.3B/readme.txt", b"hello"),
            entry("./1.3B/tokenizer/y.json", b"{}"),
        ],
    )
    to = {"1.3B/x.ckpt": tmp_path / "one", "1.3B/tokenizer/y.json": tmp_path / "two"}
    unpack(archive, to, told.append)
    assert (tmp_path / "one").read_bytes() == CONTENT
    assert (tmp_path / "two").read_bytes() == b"{}"
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar.gz", "one", "two"}
    assert told == sorted(told)
    assert told[-1] == len(CONTENT) + 7


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([entry("../x.ckpt"), entry("1.3B/x.ckpt")], "leads out of its folder"),
        ([entry("1.3B/x.ckpt"), entry("1.3B/../../../etc/x")], "leads out of its folder"),
        (
            [entry("1.3B/x.ckpt", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
            "leads out of its folder",
        ),
        (
            [entry("1.3B/x.ckpt", b"", type=tarfile.SYMTYPE, linkname="readme.txt")],
            "not a plain file",
        ),
        (
            [entry("y"), entry("1.3B/x.ckpt", b"", type=tarfile.LNKTYPE, linkname="y")],
            "not a plain file",
        ),
        ([entry("1.3B/x.ckpt", b"", type=tarfile.DIRTYPE)], "not a plain file"),
        ([entry("1.3B/x.ckpt"), entry("device", b"", type=tarfile.CHRTYPE)], "is no file"),
        ([entry("1.3B/x.ckpt", b"", type=tarfile.FIFOTYPE)], "is no file"),
        ([entry("1.3B/x.ckpt"), entry("./1.3B/x.ckpt")], "holds '1.3B/x.ckpt' twice"),
        ([entry("1.3b/x.ckpt")], "lacks '1.3B/x.ckpt'"),
        ([], "lacks '1.3B/x.ckpt'"),
    ],
)
def test_an_archive_with_anything_else_in_a_file_s_place_is_refused(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], told: str
):
    with pytest.raises(WeightsError, match=told):
        unpacked(tmp_path, *members)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("MAX_MEMBERS", "more than it should"),
        ("MAX_TOTAL_BYTES", "more than it should"),
        ("MAX_MEMBER_BYTES", "too large"),
    ],
)
def test_more_than_there_should_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, told: str
):
    monkeypatch.setattr(archives, limit, 1)
    with pytest.raises(WeightsError, match=told):
        unpacked(tmp_path, entry("1.3B/x.ckpt"), entry("y"))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_archive_is_refused(tmp_path: Path, share: float):
    content = Random(3).randbytes(100_000)
    whole = write(tmp_path / "a.tar.gz", [entry("1.3B/x.ckpt", content)])
    whole.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    with pytest.raises(WeightsError, match=r"a\.tar\.gz"):
        unpack(whole, {"1.3B/x.ckpt": tmp_path / "out.bin"})
    assert not (tmp_path / "out.bin").exists()


def test_what_is_no_archive_is_refused(tmp_path: Path):
    (tmp_path / "a.tar.gz").write_bytes(CONTENT)
    with pytest.raises(WeightsError, match=r"the archive a\.tar\.gz is damaged"):
        unpack(tmp_path / "a.tar.gz", {"x": tmp_path / "out.bin"})


def test_a_disk_without_room_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(archives, "FREE_MARGIN", 2**60)
    with pytest.raises(WeightsError, match="to spare, but only"):
        unpacked(tmp_path, entry("1.3B/x.ckpt"))


def test_what_is_written_goes_when_the_unpacking_is_stopped(tmp_path: Path):
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    archive = write(tmp_path / "a.tar.gz", [entry("1.3B/x.ckpt")])
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, {"1.3B/x.ckpt": tmp_path / "out.bin"}, stop)
    assert not (tmp_path / "out.bin").exists()
