import pickle
import struct
from pathlib import Path

import pytest
import torch

from engine.conversion.checkpoint import read_checkpoint
from engine.conversion.torchscript import read_torchscript
from engine.errors import ModelError
from tests.engine.conversion.fake_checkpoints import openai_archive, replace_record

STATE = {"embedding": torch.arange(6.0).view(2, 3)}
MODULE = b"c__torch__.M\nModule\n)\x81"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"
)


def tensor(offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """Return the pickle instructions for a tensor in the first storage."""
    place = b"J" + struct.pack("<i", offset)
    shape, steps = (
        b"(" + b"".join(b"J" + struct.pack("<i", n) for n in ns) + b"t" for ns in (size, stride)
    )
    return TENSOR + b"(" + STORAGE + place + shape + steps + b"\x89ccollections\nOrderedDict\n)RtR"


def archive(folder: Path, program: bytes) -> Path:
    path = folder / "model.pt"
    openai_archive(path, STATE)
    replace_record(path, "/data.pkl", program)
    return path


def test_a_tensor_lies_where_the_archive_says(tmp_path: Path):
    program = b"\x80\x02" + MODULE + b"}X\x01\x00\x00\x00w" + tensor(1, (2, 2), (1, 2)) + b"sb."
    tensors = read_torchscript(archive(tmp_path, program))
    assert torch.equal(tensors["w"], torch.tensor([[1.0, 3.0], [2.0, 4.0]]))


ASKED = {
    "a program": (b"cposix\nsystem\n", "posix.system"),
    "a built-in": (b"c__builtin__\neval\n", "__builtin__.eval"),
    "another part of torch": (b"ctorch.hub\nload\n", "torch.hub.load"),
    "another rebuilder": (b"ctorch._utils\n_rebuild_wrapper_subclass\n", "torch._utils._rebuild"),
    "a name that begins alike": (b"c__torch__evil\nx\n", "__torch__evil.x"),
    "a class by its stack": (b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93", "os.system"),
    "an instance": (b"(ios\nsystem\n", "os.system"),
}


@pytest.mark.parametrize("kind", ASKED)
def test_what_no_archive_of_tensors_needs_is_refused_by_name(tmp_path: Path, kind: str):
    instructions, name = ASKED[kind]
    with pytest.raises(ModelError, match=name):
        read_torchscript(archive(tmp_path, b"\x80\x02" + instructions + b"."))


def test_a_number_of_the_registry_of_classes_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="damaged or of an unknown format"):
        read_checkpoint(archive(tmp_path, b"\x80\x02\x82\x01."))


CLASSES = {"a module": b"c__torch__.M\nModule\n", "a tensor": TENSOR}


@pytest.mark.parametrize("kind", CLASSES)
def test_an_archive_cannot_change_what_its_classes_stand_for(tmp_path: Path, kind: str):
    state = b"N}X\x0c\x00\x00\x00__setstate__" + TENSOR + b"s\x86"
    with pytest.raises(ModelError, match="damaged or of an unknown format"):
        read_checkpoint(archive(tmp_path, b"\x80\x02" + CLASSES[kind] + state + b"b."))
    openai_archive(tmp_path / "good.pt", STATE)
    assert torch.equal(read_checkpoint(tmp_path / "good.pt")["embedding"], STATE["embedding"])


def test_a_few_bytes_reserve_no_memory(tmp_path: Path):
    program = b"\x80\x02" + MODULE + b"r\xff\xff\xff\x7f}X\x01\x00\x00\x00w"
    program += tensor(0, (2,), (1,)) + b"sb."
    assert set(read_torchscript(archive(tmp_path, program))) == {"w"}


def test_calling_a_class_of_the_archive_does_nothing(tmp_path: Path):
    arguments = b"X\x02\x00\x00\x00lsX\x01\x00\x00\x00x\x86"
    program = b"\x80\x02c__torch__.os\nsystem\n" + arguments + b"R."
    assert read_torchscript(archive(tmp_path, program)) == {}


def test_tensors_beyond_their_numbers_are_refused(tmp_path: Path):
    for place in [(0, (1000,), (1,)), (1000, (2,), (1,)), (-1, (2,), (1,)), (0, (2,), (-1,))]:
        program = b"\x80\x02" + MODULE + b"}X\x01\x00\x00\x00w" + tensor(*place) + b"sb."
        with pytest.raises(RuntimeError):
            read_torchscript(archive(tmp_path, program))


def test_a_module_that_holds_itself_has_no_end(tmp_path: Path):
    program = b"\x80\x02" + MODULE + b"q\x00}X\x01\x00\x00\x00wh\x00sb."
    with pytest.raises(ModelError, match=r"the archive model\.pt nests its modules without end"):
        read_torchscript(archive(tmp_path, program))


def test_modules_that_share_their_parts_over_and_over_have_no_end(tmp_path: Path):
    program = b"\x80\x02" + MODULE + b"q\x00"
    for level in range(1, 30):
        before, now = bytes([level - 1]), bytes([level])
        twice = b"}(" + b"".join(b"X\x01\x00\x00\x00" + n + b"h" + before for n in (b"a", b"b"))
        program += MODULE + b"q" + now + twice + b"ub"
    with pytest.raises(ModelError, match="nests its modules without end"):
        read_torchscript(archive(tmp_path, program + b"."))


def test_a_description_without_end_is_told(tmp_path: Path):
    with pytest.raises(ModelError, match="too long a description"):
        read_torchscript(archive(tmp_path, pickle.dumps(b"\x00" * (65 * 2**20))))
