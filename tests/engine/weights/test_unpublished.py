"""Files of which nobody has published the checksum, or not even the length."""

from hashlib import md5, sha256
from pathlib import Path

import pytest

from engine.errors import WeightsError
from engine.weights.cache import CacheEntry, remove
from engine.weights.fetching import fetch
from tests.engine.weights.faulty_server import (
    CONTENT,
    OTHER,
    Answer,
    Mirror,
    chunked,
    cut_after,
    endless,
    sending,
    status,
    weights,
    whole,
)

RIGHT, WRONG = sha256(CONTENT).hexdigest(), sha256(OTHER).hexdigest()


def got(folder: Path, *mirrors: Mirror, size: int | None = None) -> tuple[bytes, list[str]]:
    notices: list[str] = []
    file = weights(*mirrors, sha256=None, bytes=size)
    path = fetch(file, folder, offline=False, progress=lambda *_: None, notify=notices.append)
    return path.read_bytes(), notices


@pytest.mark.parametrize("answer", [whole, chunked(CONTENT)])
def test_the_hash_that_is_found_is_told_and_kept(tmp_path: Path, answer: Answer):
    with Mirror([answer]) as mirror:
        content, notices = got(tmp_path, mirror)
    assert content == CONTENT
    assert "nobody published a checksum" in notices[-1]
    assert RIGHT in notices[-1]
    assert (tmp_path / "x.ckpt.sha256").read_text().startswith(RIGHT)


def test_what_comes_later_must_agree_with_it(tmp_path: Path):
    with Mirror() as first, Mirror(content=OTHER) as second:
        got(tmp_path, first)
        (tmp_path / "x.ckpt").unlink()
        with pytest.raises(WeightsError, match=f"{WRONG} instead of {RIGHT}"):
            got(tmp_path, second)
        assert got(tmp_path, second, first)[0] == CONTENT
        remove([CacheEntry(weights(first), tmp_path)], [], tmp_path)
        assert got(tmp_path, second)[0] == OTHER


def test_only_the_same_version_of_the_same_mirror_is_gone_on_with(tmp_path: Path):
    with Mirror([cut_after(50_000), whole]) as mirror:
        assert got(tmp_path / "a", mirror)[0] == CONTENT
        assert mirror.requests[1].range == "bytes=50000-"
        assert mirror.requests[1].if_range == mirror.tag

    with Mirror([cut_after(50_000), status(404)]) as first, Mirror() as second:
        assert got(tmp_path / "b", first, second)[0] == CONTENT
        assert second.requests[0].range is None

    with Mirror([cut_after(50_000), whole], tag='W/"weak"') as mirror:
        assert got(tmp_path / "c", mirror)[0] == CONTENT
        assert mirror.requests[1].range is None


def test_another_version_of_the_file_is_fetched_anew(tmp_path: Path):
    with Mirror([cut_after(50_000), cut_after(0)], content=OTHER) as mirror:
        with pytest.raises(WeightsError):
            got(tmp_path, mirror)
        mirror.answers, mirror.content, mirror.tag = [whole], CONTENT, '"second"'
        assert got(tmp_path, mirror)[0] == CONTENT


def test_a_damaged_note_of_where_a_part_came_from_is_no_fault(tmp_path: Path):
    (tmp_path / "x.ckpt.part").write_bytes(OTHER[:50_000])
    for damaged in (b"", b"{", b'{"url": 1}', b"[]", b"\xff" * 100_000):
        (tmp_path / "x.ckpt.origin").write_bytes(damaged)
        (tmp_path / "x.ckpt").unlink(missing_ok=True)
        with Mirror() as mirror:
            assert got(tmp_path, mirror)[0] == CONTENT


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (endless, "does not say how long"),
        (sending(b"  <HTML>no", Content_Type="application/octet-stream"), "web page"),
        (sending(b"model: x", Content_Type="text/html"), "web page"),
    ],
)
def test_what_cannot_be_known_to_be_the_file_is_refused(tmp_path: Path, answer: Answer, told: str):
    with Mirror([answer]) as mirror, pytest.raises(WeightsError, match=told):
        got(tmp_path, mirror)
    assert not (tmp_path / "x.ckpt").exists()


def test_a_whole_part_of_an_unknown_origin_is_not_trusted(tmp_path: Path):
    (tmp_path / "x.ckpt.part").write_bytes(OTHER)
    with Mirror() as mirror:
        assert got(tmp_path, mirror, size=len(OTHER))[0] == CONTENT


def test_a_published_md5_counts_until_the_sha256_is_known(tmp_path: Path):
    def get(*mirrors: Mirror) -> list[str]:
        notices: list[str] = []
        file = weights(*mirrors, sha256=None, bytes=None, md5=md5(CONTENT).hexdigest().upper())
        fetch(file, tmp_path, offline=False, progress=lambda *_: None, notify=notices.append)
        return notices

    with Mirror(content=OTHER) as wrong, Mirror() as right:
        with pytest.raises(WeightsError, match=f"MD5 of its file is {md5(OTHER).hexdigest()}"):
            get(wrong)
        assert not (tmp_path / "x.ckpt").exists()
        told = get(wrong, right)
    assert (tmp_path / "x.ckpt").read_bytes() == CONTENT
    assert "nobody published a SHA-256" in told[-1]
    assert RIGHT in told[-1]


def test_a_file_put_there_by_hand_must_have_the_md5(tmp_path: Path):
    changes = {"sha256": None, "bytes": None, "md5": md5(CONTENT).hexdigest()}
    file = weights(mirrors=("http://a.example/x",), **changes)
    (tmp_path / "x.ckpt").write_bytes(OTHER)
    with pytest.raises(WeightsError, match=f"{md5(OTHER).hexdigest()} instead of {file.md5}"):
        fetch(file, tmp_path, offline=True, progress=lambda *_: None)
    (tmp_path / "x.ckpt").write_bytes(CONTENT)
    assert fetch(file, tmp_path, offline=True, progress=lambda *_: None).read_bytes() == CONTENT
