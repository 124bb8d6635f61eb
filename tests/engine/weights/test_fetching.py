"""Fetching, against servers that do what servers do."""

import shutil
import ssl
import subprocess
from base64 import b64encode
from collections import namedtuple
from hashlib import sha256
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from engine.errors import WeightsError
from engine.weights import fetching, partial_file, transfer
from engine.weights.fetching import fetch
from engine.weights.registry_entries import WeightsFile
from tests.engine.weights.faulty_server import (
    CONTENT,
    OTHER,
    Answer,
    Mirror,
    another_range,
    chunked,
    cut_after,
    dripping,
    endless,
    false_range,
    ranges_ignored,
    sending,
    silent,
    status,
    weights,
    whole,
)

SIZE = len(CONTENT)
RIGHT, WRONG = sha256(CONTENT).hexdigest(), sha256(OTHER).hexdigest()


def got(file: WeightsFile, folder: Path, **settings: Any) -> bytes:
    """Fetch, and return what lies there."""
    settings = {"offline": False, "progress": lambda *_: None} | settings
    return fetch(file, folder, **settings).read_bytes()


def refused(file: WeightsFile, folder: Path, *told: str) -> None:
    """No file, and one sentence that tells why."""
    with pytest.raises(WeightsError) as error:
        got(file, folder)
    assert "\n" not in str(error.value)
    for each in told:
        assert each in str(error.value)
    assert not (folder / "x.ckpt").exists()


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_file_is_fetched_once_and_its_progress_told(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    with Mirror() as mirror:
        file, folder = weights(mirror), tmp_path / "a" / "b"
        assert got(file, folder, progress=lambda *each: seen.append(each)) == CONTENT
        assert got(file, folder) == CONTENT
        assert len(mirror.requests) == 1
    assert seen[-1] == (SIZE, SIZE)
    assert left(folder) == {"x.ckpt", "x.ckpt.sha256"}
    assert (folder / "x.ckpt.sha256").read_text() == f"{RIGHT}  x.ckpt\n"


@pytest.mark.parametrize("tenth", range(11))
def test_a_connection_cut_anywhere_goes_on_from_there(tmp_path: Path, tenth: int):
    cut = SIZE * tenth // 10
    with Mirror([cut_after(cut), whole]) as mirror:
        assert got(weights(mirror), tmp_path) == CONTENT
        wanted = [None] if tenth == 10 else [None, f"bytes={cut}-" if tenth else None]
        assert [each.range for each in mirror.requests] == wanted
    assert left(tmp_path) == {"x.ckpt", "x.ckpt.sha256"}


def test_a_connection_cut_at_every_tenth_brings_the_file(tmp_path: Path):
    with Mirror([cut_after(SIZE // 10)]) as mirror:
        assert got(weights(mirror), tmp_path) == CONTENT
        assert len(mirror.requests) == 10
        assert all(each.if_range == mirror.tag for each in mirror.requests[1:])


def test_what_has_come_is_kept_for_another_try(tmp_path: Path):
    with Mirror([cut_after(50_000), cut_after(0)]) as mirror:
        refused(weights(mirror), tmp_path, mirror.host, "cut", "0.1 MB are kept")
        assert (tmp_path / "x.ckpt.part").read_bytes() == CONTENT[:50_000]
        mirror.answers = [whole]
        assert got(weights(mirror), tmp_path) == CONTENT
        assert mirror.requests[-1].range == "bytes=50000-"


def test_the_next_mirror_goes_on_where_the_first_ended(tmp_path: Path):
    with Mirror([cut_after(50_000), status(404)]) as first, Mirror(tag='"another"') as second:
        assert got(weights(first, second), tmp_path) == CONTENT
        assert [(each.range, each.if_range) for each in second.requests] == [("bytes=50000-", None)]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (status(404), "HTTP 404"),
        (status(403), "HTTP 403"),
        (status(500), "HTTP 500"),
        (status(204), "HTTP 204"),
        (status(304), "HTTP 304"),
        (sending(b"<!DOCTYPE html><title>Log in</title>", Content_Type="text/html"), "web page"),
        (sending(CONTENT, Content_Type="text/html; charset=utf-8"), "web page"),
        (sending(CONTENT[:-1]), f"{SIZE - 1} bytes instead of {SIZE}"),
        (sending(CONTENT + b"x"), f"{SIZE + 1} bytes instead of {SIZE}"),
        (sending(b""), f"0 bytes instead of {SIZE}"),
        (sending(CONTENT, Content_Encoding="gzip"), "compressed"),
        (chunked(CONTENT[:-1]), f"{SIZE - 1} bytes instead of {SIZE}"),
        (chunked(CONTENT + b"x"), f"more than {SIZE} bytes"),
        (chunked(b"<html>" + CONTENT[6:]), "web page"),
        (sending(OTHER), f"{WRONG} instead of {RIGHT}"),
        (status(302, Location="/file"), "redirects more than 10 times"),
        (status(302, Location="ftp://127.0.0.1/file"), "address cannot be used"),
        (status(302, Location="http://127.0.0.1:x/"), "no address"),
        (status(302), "HTTP 302"),
        (cut_after(0), "cut"),
        (dripping, "sends less than"),
        (silent, "silent"),
    ],
)
def test_what_is_of_no_use_is_refused_and_the_next_mirror_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, told: str
):
    monkeypatch.setattr(transfer, "STALL_SECONDS", 2.0)
    monkeypatch.setattr(fetching, "READ_SECONDS", 1.0 if answer is silent else 600.0)
    monkeypatch.setattr(fetching, "ATTEMPTS", 3)
    with Mirror([answer]) as bad, Mirror() as good:
        refused(weights(bad), tmp_path, bad.host, told)
        notices: list[str] = []
        assert got(weights(bad, good), tmp_path, notify=notices.append) == CONTENT
        assert len(notices) == 1
        assert told in notices[0]
    assert left(tmp_path) == {"x.ckpt", "x.ckpt.sha256"}


def test_a_file_with_the_wrong_hash_leaves_nothing(tmp_path: Path):
    with Mirror(content=OTHER) as mirror:
        refused(weights(mirror), tmp_path, WRONG, RIGHT)
        assert len(mirror.requests) == 1
    assert left(tmp_path) == set()


@pytest.mark.parametrize("body", [chunked(CONTENT), endless])
def test_a_length_that_is_not_said_is_no_matter_if_it_is_known(tmp_path: Path, body: Answer):
    with Mirror([body]) as mirror:
        assert got(weights(mirror), tmp_path) == CONTENT


@pytest.mark.parametrize("answer", [ranges_ignored, another_range, false_range])
def test_a_server_without_ranges_starts_anew(tmp_path: Path, answer: Answer):
    with Mirror([cut_after(50_000), answer]) as mirror:
        assert got(weights(mirror), tmp_path) == CONTENT
        assert mirror.requests[1].range == "bytes=50000-"


def test_a_file_that_changed_on_the_server_is_fetched_anew(tmp_path: Path):
    with Mirror([cut_after(50_000), cut_after(0)], content=OTHER) as mirror:
        refused(weights(mirror), tmp_path)
        mirror.answers, mirror.content, mirror.tag = [whole], CONTENT, '"second"'
        assert got(weights(mirror), tmp_path) == CONTENT


def test_a_damaged_part_is_fetched_anew(tmp_path: Path):
    (tmp_path / "x.ckpt.part").write_bytes(OTHER[:50_000])
    with Mirror() as mirror:
        assert got(weights(mirror), tmp_path) == CONTENT
        assert [each.range for each in mirror.requests] == ["bytes=50000-", None]


@pytest.mark.parametrize("kept", [SIZE, SIZE + 1])
def test_a_part_that_is_whole_or_too_long(tmp_path: Path, kept: int):
    (tmp_path / "x.ckpt.part").write_bytes((CONTENT + b"x")[:kept])
    with Mirror() as mirror:
        assert got(weights(mirror), tmp_path) == CONTENT
        assert len(mirror.requests) == kept - SIZE


@pytest.mark.parametrize("kept", [SIZE, SIZE + 9])
def test_a_part_with_nothing_left_to_fetch(tmp_path: Path, kept: int):
    (tmp_path / "x.ckpt.part").write_bytes((CONTENT + b"too much of it")[:kept])
    with Mirror() as mirror:
        assert got(weights(mirror, bytes=None), tmp_path) == CONTENT
        assert mirror.requests[0].range == f"bytes={kept}-"


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int):
    pauses: list[float] = []
    # Not `time.sleep` itself, which other threads of this process use too.
    monkeypatch.setattr(fetching, "time", SimpleNamespace(sleep=pauses.append, monotonic=monotonic))
    monkeypatch.setattr(transfer, "LONGEST_RETRY_AFTER", 0.05)
    busy = [status(code, Retry_After="100000"), status(code, Retry_After="soon"), status(code)]
    with Mirror([*busy, whole]) as mirror:
        assert got(weights(mirror), tmp_path) == CONTENT
        assert len(mirror.requests) == 4
    assert pauses
    assert max(pauses) <= 0.05


def test_a_busy_server_with_a_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(transfer, "LONGEST_RETRY_AFTER", 0.05)
    dates = ["Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 2999 23:59:59 GMT", "Fri, 99 Dec"]
    with Mirror([*(status(503, Retry_After=date) for date in dates), whole]) as mirror:
        assert got(weights(mirror), tmp_path) == CONTENT


def test_a_server_that_stays_busy_is_left(tmp_path: Path):
    with Mirror([status(503)]) as mirror:
        refused(weights(mirror), tmp_path, "HTTP 503")
        assert len(mirror.requests) == fetching.ATTEMPTS


def test_a_dead_server_is_left_at_once(tmp_path: Path):
    with Mirror() as dead:
        pass
    with Mirror() as mirror:
        refused(weights(dead), tmp_path, "cannot be reached")
        assert got(weights(dead, mirror), tmp_path) == CONTENT


def test_a_redirect_is_followed_with_the_range(tmp_path: Path):
    with Mirror() as target:
        to = status(302, Location=target.url)
        with Mirror([to]) as mirror:
            target.answers = [cut_after(50_000), whole]
            assert got(weights(mirror), tmp_path) == CONTENT
            assert [each.range for each in target.requests] == [None, "bytes=50000-"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="a certificate is made with openssl")
def test_a_protected_address_must_not_lead_to_an_unprotected_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -days 2 "
    make += f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(make.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Mirror() as plain, Mirror() as protected:
        protected.wrap(context)
        url = protected.url.replace("http:", "https:")
        file = weights(mirrors=(url,))
        protected.answers = [status(302, Location=plain.url)]
        refused(file, tmp_path / "a", "from https to an unprotected address")
        assert not plain.requests
        protected.answers = [whole]
        assert got(file, tmp_path / "a") == CONTENT
        plain.answers = [status(302, Location=url)]
        assert got(weights(plain), tmp_path / "b") == CONTENT


def test_proxies_of_the_environment_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = weights(mirrors=("http://weights.invalid/file",))
    with Mirror() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
        assert got(file, tmp_path) == CONTENT
        assert proxy.requests[0].path == "http://weights.invalid/file"
    monkeypatch.setenv("HTTP_PROXY", "nonsense://x")
    refused(file, tmp_path / "b", "HTTP_PROXY")


def test_a_full_disk_is_noticed_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    usage = namedtuple("usage", "total used free")
    with Mirror() as mirror:
        for size in (SIZE, None):
            free = transfer.FREE_MARGIN + SIZE - 1
            monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage(free, 0, free))
            refused(weights(mirror, bytes=size), tmp_path, "0 MB more", "are free", "make room")
        assert all(path.name == ".lock" for path in tmp_path.iterdir())
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(free + 1, 0, free + 1))
        assert got(weights(mirror), tmp_path) == CONTENT


def test_a_disk_that_fills_up_keeps_what_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Full(partial_file.io.FileIO):
        def write(self, data: Any, /) -> int:
            room = 50_000 - self.tell()
            if room <= 0:
                raise OSError(28, "No space left on device")
            return super().write(data[:room])

    with Mirror() as mirror:
        with monkeypatch.context() as patch:
            patch.setattr(partial_file.io, "FileIO", Full)
            refused(weights(mirror, mirror), tmp_path, "is full", "free some space", "kept")
        assert len(mirror.requests) == 1
        assert (tmp_path / "x.ckpt.part").read_bytes() == CONTENT[:50_000]
        assert got(weights(mirror), tmp_path) == CONTENT
        assert mirror.requests[-1].range == "bytes=50000-"


def test_whoever_watches_can_end_it(tmp_path: Path):
    class Enough(Exception):
        pass

    def watch(done: int, _: int) -> None:
        if done > 50_000:
            raise Enough

    with Mirror() as mirror:
        with pytest.raises(Enough):
            got(weights(mirror), tmp_path, progress=watch)
        assert (tmp_path / "x.ckpt.part").stat().st_size > 50_000
        assert got(weights(mirror), tmp_path) == CONTENT
        assert mirror.requests[-1].range is not None


def test_nothing_is_fetched_offline(tmp_path: Path):
    with Mirror() as mirror:
        with pytest.raises(WeightsError) as error:
            got(weights(mirror), tmp_path / "folder", offline=True)
        for told in ("x.ckpt", str(tmp_path / "folder"), RIGHT, f"{SIZE} bytes", "offline"):
            assert told in str(error.value)
        assert not (tmp_path / "folder").exists()
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "x.ckpt").write_bytes(CONTENT)
        assert got(weights(mirror), tmp_path / "folder", offline=True) == CONTENT
        assert not mirror.requests


def test_passwords_of_mirrors_are_sent_and_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    notices: list[str] = []
    with Mirror([status(404)]) as first, Mirror([cut_after(100), whole]) as second:
        urls = [each.url.replace("://", "://ann:s3cr%40t@") for each in (first, second)]
        file = weights(second, sha256=RIGHT).model_copy(update={"mirrors": tuple(urls)})
        assert got(file, tmp_path, notify=notices.append) == CONTENT
        login = f"Basic {b64encode(b'ann:s3cr@t').decode()}"
        assert {each.login for each in second.requests} == {login}
    shown = "\n".join([repr(file), *notices, caplog.text])
    assert first.host in shown
    assert "s3cr" not in shown
