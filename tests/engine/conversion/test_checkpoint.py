import pickle
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from engine.conversion.checkpoint import read_checkpoint
from engine.errors import ModelError
from tests.engine.conversion.fake_checkpoints import (
    Poison,
    lightning_checkpoint,
    openai_archive,
    poison,
    replace_record,
)

STATE = {
    "visual.conv1.weight": torch.arange(48.0).view(4, 3, 2, 2),
    "visual.ln_pre.weight": torch.ones(4),
    "logit_scale": torch.tensor(2.5),
}


def test_a_trainers_checkpoint_is_its_models_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "last.ckpt"
    with monkeypatch.context() as patch:
        lightning_checkpoint(path, STATE, patch)
    with pytest.raises(pickle.UnpicklingError, match="ModelCheckpoint"):
        torch.load(path, weights_only=True)  # as it stands
    tensors = read_checkpoint(path)
    assert {name for name in tensors if not name.startswith("loss.")} == set(STATE)
    for name, tensor in STATE.items():
        assert torch.equal(tensors[name], tensor)


def test_what_a_checkpoint_needs_is_allowed_for_that_file_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "last.ckpt"
    with monkeypatch.context() as patch:
        lightning_checkpoint(path, STATE, patch)
    before = set(torch.serialization.get_safe_globals())
    read_checkpoint(path)
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(pickle.UnpicklingError, match="ModelCheckpoint"):
        torch.load(path, weights_only=True)


def test_all_published_forms_hold_the_same(tmp_path: Path):
    save_file(STATE, tmp_path / "safetensors")
    torch.save(STATE, tmp_path / "plain")
    torch.save({"state_dict": STATE, "epoch": 3}, tmp_path / "state")
    torch.save(STATE, tmp_path / "old", _use_new_zipfile_serialization=False)
    parallel = {f"module.{name}": tensor for name, tensor in STATE.items()}
    torch.save({"state_dict": parallel}, tmp_path / "parallel")
    for name in ("safetensors", "plain", "state", "old", "parallel"):
        tensors = read_checkpoint(tmp_path / name)
        assert set(tensors) == set(STATE)
        assert all(torch.equal(tensors[key], STATE[key]) for key in STATE)


def test_an_archive_is_its_modules_tensors(tmp_path: Path):
    path = tmp_path / "ViT-B-32.pt"
    openai_archive(path, STATE)
    tensors = read_checkpoint(path)
    facts = {"input_resolution", "context_length", "vocab_size"}
    assert set(tensors) == {*STATE, *facts, "transformer.resblocks.0.attn_mask"}
    assert tensors["visual.conv1.weight"].dtype == torch.float16
    assert tensors["visual.ln_pre.weight"].dtype == torch.float32
    for name, tensor in STATE.items():
        assert torch.equal(tensors[name].float(), tensor)
    assert tensors["input_resolution"].item() == 224


def in_a_pickle(path: Path, target: Path) -> None:
    torch.save({"state_dict": STATE, "hyper": Poison(target)}, path)


def in_an_old_pickle(path: Path, target: Path) -> None:
    torch.save(
        {"state_dict": STATE, "hyper": Poison(target)}, path, _use_new_zipfile_serialization=False
    )


def in_the_callback(path: Path, target: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lightning_checkpoint(path, STATE, patch, hyper_parameters={"a": Poison(target)})


def in_place_of_everything(path: Path, target: Path) -> None:
    torch.save(STATE, path)
    replace_record(path, "/data.pkl", poison(target))


def bare(path: Path, target: Path) -> None:
    path.write_bytes(poison(target))


def in_an_archive(path: Path, target: Path) -> None:
    openai_archive(path, STATE)
    replace_record(path, "/data.pkl", poison(target))


def in_an_archives_constants(path: Path, target: Path) -> None:
    openai_archive(path, STATE)
    replace_record(path, "/constants.pkl", poison(target))


@pytest.mark.parametrize(
    "hide",
    [in_a_pickle, in_an_old_pickle, in_the_callback, in_place_of_everything, bare, in_an_archive],
)
def test_a_poisoned_file_is_refused_and_never_run(
    tmp_path: Path, hide: Callable[[Path, Path], None]
):
    path, target = tmp_path / "last.ckpt", tmp_path / "made"
    hide(path, target)
    assert not target.exists()
    with pytest.raises(ModelError, match=r"the checkpoint last\.ckpt|the archive last\.ckpt") as e:
        read_checkpoint(path)
    assert not target.exists()
    assert str(e.value).isprintable()


def test_a_refusal_names_what_the_file_asked_for(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    for hide in (in_a_pickle, in_an_old_pickle, in_an_archive):
        hide(path, tmp_path / "made")
        with pytest.raises(ModelError, match=r"asks for posix.mkdir, which is not a tensor"):
            read_checkpoint(path)


def test_of_an_archive_nothing_else_is_read(tmp_path: Path):
    path, target = tmp_path / "ViT-B-32.pt", tmp_path / "made"
    in_an_archives_constants(path, target)
    assert set(read_checkpoint(path)) > set(STATE)
    assert not target.exists()


def cut(path: Path, keep: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


WRITERS: dict[str, Callable[[Path], object]] = {
    "safetensors": lambda path: save_file(STATE, path),
    "a pickle": lambda path: torch.save(STATE, path),
    "an old pickle": lambda path: torch.save(STATE, path, _use_new_zipfile_serialization=False),
    "an archive": lambda path: openai_archive(path, STATE),
}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("form", WRITERS)
def test_a_file_that_was_cut_off_is_told_in_one_sentence(tmp_path: Path, form: str, share: float):
    path = tmp_path / "model"
    WRITERS[form](path)
    cut(path, share)
    with pytest.raises(ModelError, match="the checkpoint model is damaged or of an unknown format"):
        read_checkpoint(path)


NOT_TENSORS = {
    "a list": [torch.zeros(1)],
    "a tensor": torch.zeros(1),
    "nothing": {},
    "words": {"a": "b"},
    "numbers for names": {1: torch.zeros(1)},
    "sparse tensors": {"a": torch.eye(3).to_sparse()},
    "no numbers": {"a": torch.empty(3, device="meta")},
}


@pytest.mark.parametrize("kind", NOT_TENSORS)
def test_what_holds_no_tensors_by_name_is_refused(tmp_path: Path, kind: str):
    path = tmp_path / "last.ckpt"
    torch.save(NOT_TENSORS[kind], path)
    with pytest.raises(ModelError, match=r"last\.ckpt (has|is damaged)") as caught:
        read_checkpoint(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\x00" * 5000, b"PK\x03\x04abc"])
def test_what_is_no_checkpoint_is_told_in_one_sentence(tmp_path: Path, content: bytes):
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"last\.ckpt is damaged or of an unknown format"):
        read_checkpoint(path)


def test_a_missing_checkpoint_is_named(tmp_path: Path):
    with pytest.raises(ModelError, match="the checkpoint last.ckpt is missing"):
        read_checkpoint(tmp_path / "last.ckpt")
    with pytest.raises(ModelError, match="damaged or of an unknown format"):
        read_checkpoint(tmp_path)


def settings_beside_tensors() -> dict[str, object]:
    """Return what trainers leave in their checkpoints."""
    nested = OmegaConf.create({"a": [1, {"b": None}], "c": "${a}", "d": 0.5})
    return {
        "hyper_parameters": nested,
        "args": Namespace(lr=0.1, names=["x"], where=Path("a")),
        "loss": np.float64(0.5),
        "counts": {"epoch": np.int64(3), "all": np.arange(3)},
        "by_name": defaultdict(list, {"a": [1]}),
    }


@pytest.mark.parametrize("new", [True, False])
def test_settings_beside_the_tensors_are_left_out(tmp_path: Path, new: bool):
    path = tmp_path / "last.ckpt"
    for content in (
        {"state_dict": STATE, **settings_beside_tensors()},
        {**STATE, "args": Namespace(lr=0.1), "epoch": 3, "best": np.float64(0.5), "note": None},
    ):
        torch.save(content, path, _use_new_zipfile_serialization=new)
        before = set(torch.serialization.get_safe_globals())
        tensors = read_checkpoint(path)
        assert set(torch.serialization.get_safe_globals()) == before
        assert set(tensors) == set(STATE)
        assert all(torch.equal(tensors[key], STATE[key]) for key in STATE)


def test_settings_that_would_run_code_are_refused(tmp_path: Path):
    path, target = tmp_path / "last.ckpt", tmp_path / "made"
    hidden = Namespace(a=OmegaConf.create({"b": 1}), c=[Poison(target)])
    torch.save({"state_dict": STATE, "args": hidden}, path)
    with pytest.raises(ModelError, match=r"asks for posix.mkdir, which is not a tensor"):
        read_checkpoint(path)
    assert not target.exists()
