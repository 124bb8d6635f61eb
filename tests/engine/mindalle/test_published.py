"""minDALL-E's archive in its published form, but small, from a server to models."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.config_file import parse_table
from engine.errors import ModelError, WeightsError
from engine.mindalle.painter import load_painter
from engine.mindalle.transformer import CodeTransformer, TransformerConfig
from engine.models import catalogue
from engine.models.vqgan import VQGAN, VQGANConfig
from engine.preparation import missing_files, prepare_models
from engine.weights.settings import WeightsSettings
from tests.engine.conversion.fake_checkpoints import filled, poison
from tests.engine.weights.faulty_server import Mirror, reach_at_once

CONFIG = """
dataset:
  dataset: null
stage1:
  type: vqgan
  embed_dim: 6
  n_embed: 16
  hparams: {double_z: False, z_channels: 8, resolution: 32, in_channels: 3, out_ch: 3, ch: 32,
            ch_mult: [1, 2], num_res_blocks: 1, attn_resolutions: [16], pdrop: 0.0}
stage2:
  type: transformer1d
  vocab_size_txt: 12
  vocab_size_img: 16
  hparams: {embed_dim: 8, n_layers: 2, n_heads: 2, n_dense_layers: 2, ctx_len_img: 256,
            ctx_len_txt: 5, embd_pdrop: 0.0, resid_pdrop: 0.0, attn_pdrop: 0.0, mlp_bias: True,
            attn_bias: True, gelu_use_approx: False}
"""
"""As the published configuration, with smaller models."""
VQGAN_SIZES = VQGANConfig(
    z_channels=8,
    ch=32,
    ch_mult=(1, 2),
    num_res_blocks=1,
    attn_resolutions=(16,),
    resolution=32,
    n_embed=16,
    embed_dim=6,
)
SIZES = TransformerConfig(tokens=12, text_length=5, codes=16, width=8, layers=2, heads=2)
VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "r": 2, "e": 3, "d</w>": 4, "re": 5, "red</w>": 6}
MERGES = "#version: 0.2 - Trained by `huggingface/tokenizers`\nr e\nre d</w>\n"
MEMBERS = {
    "config": "1.3B/config.yaml",
    "decoder": "1.3B/stage1_last.ckpt",
    "transformer": "1.3B/stage2_last.ckpt",
    "vocabulary": "1.3B/tokenizer/bpe-16k-vocab.json",
    "merges": "1.3B/tokenizer/bpe-16k-merges.txt",
}

Tensors = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_at_once(monkeypatch)
    demo = catalogue.CATALOGUE["demo"].perceptors[0]
    # A CLIP in its published form is large, and others test its conversion.
    monkeypatch.setattr(
        "engine.conversion.convert.convert_clip",
        lambda _checkpoint, _name, to, _tokenizer: shutil.copyfile(demo, to),
    )
    monkeypatch.setattr(catalogue, "CATALOGUE", {})
    monkeypatch.setattr(catalogue, "PAINTERS", {})


def tensors_of(build: Callable[[], nn.Module]) -> Tensors:
    with torch.device("meta"):
        module = build()
    return dict(filled(module).state_dict())


def decoder() -> Tensors:
    return tensors_of(lambda: VQGAN(VQGAN_SIZES))


def transformer() -> Tensors:
    """Return the tensors with the layer that is only trained with."""
    head = {"head_txt.weight": torch.ones(SIZES.tokens, SIZES.width)}
    return tensors_of(lambda: CodeTransformer(SIZES)) | head


def checkpoint(state: object) -> bytes:
    buffer = io.BytesIO()
    torch.save({"state_dict": state}, buffer)
    return buffer.getvalue()


@dataclass
class Archive:
    """What lies in the archive by its role, and a member that nobody asked for."""

    contents: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def __post_init__(self) -> None:
        self.contents = {
            "config": CONFIG.encode(),
            "decoder": checkpoint(decoder()),
            "transformer": checkpoint(transformer()),
            "vocabulary": json.dumps(VOCABULARY).encode(),
            "merges": MERGES.encode(),
        } | self.contents

    def pack(self) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            members = {MEMBERS[role]: content for role, content in self.contents.items()}
            for name, content in {"1.3B/LICENSE": b"", **members}.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return buffer.getvalue()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror(content=Archive().pack()) as mirror:
        yield mirror


def settings(folder: Path, mirror: Mirror, **changes: Any) -> WeightsSettings:
    md5 = hashlib.md5(mirror.content, usedforsecurity=False).hexdigest()
    (folder / "clip.pt").write_bytes(b"")
    tables = {
        "folder": str(folder / "w"),
        "files": {
            "tiny.tar.gz": {"mirrors": [mirror.url], "md5": md5, "licence": "not for sale"},
            "tiny-clip.pt": {"path": str(folder / "clip.pt")},
        },
        "perceptors": {"tiny-clip": {"open_clip": "A", "checkpoint": "tiny-clip.pt"}},
        "painters": {
            "tiny": {
                "kind": "mindalle",
                "archive": "tiny.tar.gz",
                "members": MEMBERS,
                "perceptor": "tiny-clip",
            }
        },
    }
    return parse_table(tables | changes, "weights", WeightsSettings)


def test_the_archive_is_fetched_converted_and_removed(tmp_path: Path, mirror: Mirror):
    host = settings(tmp_path, mirror)
    assert missing_files("tiny", host).licences == ("not for sale",)
    told: list[str] = []
    unpacked: list[int] = []
    prepare_models(
        "tiny",
        host,
        fetches=True,
        progress=lambda _, done, __: unpacked.append(done),
        notify=told.append,
    )
    assert any("tiny.tar.gz was converted and then removed" in each for each in told)
    assert max(unpacked) > len(mirror.content)
    names = {path.name for path in (tmp_path / "w").iterdir()}
    assert names == {".lock", "tiny", "tiny-clip", "tiny.tar.gz.sha256", "tiny-clip.pt.sha256"}
    files = catalogue.PAINTERS["tiny"].files
    assert {path.name for path in (tmp_path / "w/tiny").glob("[!.]*")} == {
        path.name for role, path in files.items() if role != "perceptor"
    }
    models = load_painter("tiny", files, torch.device("cpu"), torch.float32).models
    assert models.transformer.config == SIZES
    found = models.transformer.state_dict()
    assert found.keys() == transformer().keys() - {"head_txt.weight"}
    for name, tensor in transformer().items():
        assert name == "head_txt.weight" or torch.equal(found[name], tensor)
    for name, tensor in decoder().items():
        assert torch.equal(models.vqgan.state_dict()[name], tensor)
    assert models.tokenizer("Red rex").tolist() == [[6, 5, 1, 0, 0]]


def test_what_was_converted_is_not_fetched_again(tmp_path: Path, mirror: Mirror):
    host = settings(tmp_path, mirror)
    prepare_models("tiny", host, fetches=True)
    assert not missing_files("tiny", host).entries
    prepare_models("tiny", host, fetches=False)
    assert len(mirror.requests) == 1
    (tmp_path / "w/tiny/tiny-decoder.safetensors").unlink()
    assert [each.file.name for each in missing_files("tiny", host).entries] == ["tiny.tar.gz"]


def test_a_host_can_keep_the_archive(tmp_path: Path, mirror: Mirror):
    prepare_models("tiny", settings(tmp_path, mirror, keep_archives=True), fetches=True)
    assert (tmp_path / "w/tiny.tar.gz").read_bytes() == mirror.content


def test_an_archive_of_another_md5_is_refused(tmp_path: Path, mirror: Mirror):
    host = settings(tmp_path, mirror)
    mirror.content = Archive({"merges": b""}).pack()
    with pytest.raises(WeightsError, match="the MD5 of its file is"):
        prepare_models("tiny", host, fetches=True)
    assert not (tmp_path / "w/tiny").exists()


def changed(**changes: Tensor | None) -> bytes:
    """Return the transformer's checkpoint with some tensors replaced, or left out by None."""
    state = transformer() | {name.replace("__", "."): t for name, t in changes.items()}
    return checkpoint({name: tensor for name, tensor in state.items() if tensor is not None})


@pytest.mark.parametrize(
    ("role", "content", "told"),
    [
        ("transformer", changed(ln_f__weight=None), "lacks 'ln_f.weight'"),
        ("transformer", changed(extra__weight=torch.zeros(1)), "'extra.weight', unknown"),
        ("transformer", changed(ln_f__weight=torch.full((8,), torch.nan)), "not finite"),
        ("transformer", changed(ln_f__weight=torch.zeros(9)), "has the shape (9,)"),
        ("transformer", checkpoint(transformer())[:-500], "damaged or of an unknown format"),
        ("decoder", checkpoint([]), "has no tensors by name"),
        ("config", CONFIG.replace("ctx_len_txt", "x").encode(), "lacks ctx_len_txt"),
        ("config", CONFIG.replace("transformer1d", "y").encode(), "the type 'y' is unknown"),
        ("config", CONFIG.replace("x: False", "x: True").encode(), "gelu_use_approx must be False"),
        ("config", CONFIG.replace("n_heads: 2", "n_heads: 3").encode(), "multiple of heads"),
        ("config", CONFIG.replace("n_heads: 2", "n_heads: -1").encode(), "heads must be"),
        ("config", b"stage1: [", "damaged"),
        ("vocabulary", b"{}", "must be a table of 1 to 12 tokens"),
        ("merges", b"x y", "merges 'x y'"),
    ],
)
def test_other_content_is_refused_and_the_archive_stays(
    tmp_path: Path, mirror: Mirror, role: str, content: bytes, told: str
):
    mirror.content = Archive({role: content}).pack()
    with pytest.raises(ModelError) as error:
        prepare_models("tiny", settings(tmp_path, mirror), fetches=True)
    assert told in str(error.value)
    assert (tmp_path / "w/tiny.tar.gz").exists()
    assert not (tmp_path / "w/tiny/unpacked").exists()


def test_nothing_in_the_archive_is_run(tmp_path: Path, mirror: Mirror):
    mirror.content = Archive({"decoder": poison(tmp_path / "made")}).pack()
    with pytest.raises(ModelError, match=r"asks for \w+\.mkdir"):
        prepare_models("tiny", settings(tmp_path, mirror), fetches=True)
    assert not (tmp_path / "made").exists()
