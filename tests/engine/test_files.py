import os
from pathlib import Path

import pytest

from engine.errors import PictureError
from engine.files import atomic_write, check_output, read_bounded

SUFFIXES = (".png",)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_largest_allowed_file_is_read_and_one_byte_more_is_not(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"12345678")
    assert read_bounded(path, limit=8) == b"12345678"
    with pytest.raises(PictureError, match="too big"):
        read_bounded(path, limit=7)


@pytest.mark.parametrize("name", ["missing", "a\0b", "n" * 300, "missing/below"])
def test_names_without_a_file_are_refused(tmp_path: Path, name: str):
    with pytest.raises(PictureError, match="Cannot read"):
        read_bounded(tmp_path / name, limit=10)


def test_folders_and_dangling_links_are_refused(tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "missing")
    with pytest.raises(PictureError, match="folder"):
        read_bounded(tmp_path, limit=10)
    with pytest.raises(PictureError, match="no such file"):
        read_bounded(link, limit=10)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(PictureError, match="not a regular file"):
        read_bounded(pipe, limit=10)


def test_messages_stay_on_one_line_whatever_the_name(tmp_path: Path):
    with pytest.raises(PictureError) as caught:
        read_bounded(tmp_path / "a\nb\x1b[31m\udc80", limit=10)
    message = str(caught.value)
    assert message.isprintable()
    assert message.encode("utf-8")


def test_a_new_file_in_a_folder_is_a_good_output(tmp_path: Path):
    check_output(tmp_path / "new.PNG", suffixes=SUFFIXES, force=False)
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("missing/new.png", "does not exist"),
        ("file/new.png", "not a folder"),
        ("new.jpg", r"must end in \.png"),
        ("new", r"must end in \.png"),
        ("folder.png", "is a folder"),
        ("n" * 300 + ".png", "too long"),
        ("a\0b.png", "Cannot write"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_bad_outputs_are_refused_before_any_work(
    tmp_path: Path, name: str, complaint: str, force: bool
):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PictureError, match=complaint):
        check_output(tmp_path / name, suffixes=SUFFIXES, force=force)


def test_an_existing_output_needs_force(tmp_path: Path):
    path = tmp_path / "old.png"
    path.touch()
    with pytest.raises(PictureError, match="exists already.*--force"):
        check_output(path, suffixes=SUFFIXES, force=False)
    check_output(path, suffixes=SUFFIXES, force=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_force_never_replaces_what_is_not_a_regular_file(tmp_path: Path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(PictureError, match="not a regular file"):
        check_output(pipe, suffixes=SUFFIXES, force=True)
    with pytest.raises(PictureError, match="not a regular file"), atomic_write(pipe, force=True):
        pytest.fail("nothing should be written")
    assert pipe.is_fifo()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_read_only_folder_is_refused(tmp_path: Path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PictureError, match="does not allow writing"):
            check_output(tmp_path / "new.png", suffixes=SUFFIXES, force=False)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("force", [False, True])
def test_a_write_leaves_the_whole_file_and_nothing_else(tmp_path: Path, force: bool):
    path = tmp_path / "new"
    with atomic_write(path, force=force) as part:
        part.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert names(tmp_path) == {"new"}


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, failure: type[BaseException]):
    path = tmp_path / "old"
    path.write_bytes(b"old")
    with pytest.raises(failure), atomic_write(path, force=True) as part:
        part.write_bytes(b"half")
        raise failure
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"old"}


def test_a_file_that_appears_while_writing_is_not_overwritten(tmp_path: Path):
    path = tmp_path / "new"
    with (
        pytest.raises(PictureError, match="exists already"),
        atomic_write(path, force=False) as part,
    ):
        part.write_bytes(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == {"new"}


def test_a_file_system_without_hard_links_gets_the_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(_self: Path, _target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "new"
    with atomic_write(path, force=False) as part:
        part.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    with pytest.raises(PictureError, match="exists already"), atomic_write(path, force=False):
        pytest.fail("nothing should be written")


def test_a_failing_disk_is_one_sentence(tmp_path: Path):
    with (
        pytest.raises(PictureError, match=r"Cannot write .*No space left on device\."),
        atomic_write(tmp_path / "new", force=False),
    ):
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == set()
