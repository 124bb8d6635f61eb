from itertools import pairwise
from pathlib import Path

import pytest

from engine.conversion.architecture import MAX_BYTES, read_architecture
from engine.errors import ModelError
from engine.models.vqgan import VQGANConfig
from tests.engine.conversion.fake_checkpoints import FLICKR, IMAGENET, OPENIMAGES, SMALL

F16 = VQGANConfig(
    n_embed=16384,
    embed_dim=256,
    z_channels=256,
    ch=128,
    ch_mult=(1, 1, 2, 2, 4),
    num_res_blocks=2,
    attn_resolutions=(16,),
    resolution=256,
)
LAUGHS = "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi"))
BOMB = f"a: &a [x, x, x, x, x, x, x, x, x]\n{LAUGHS}{SMALL}"
REFUSED = {
    "no text": (b"\xff\xfe\x00", "is not text"),
    "empty": (b"", "damaged or of an unknown format"),
    "a list": (b"[1, 2]", "damaged or of an unknown format"),
    "no yaml": (b"model: [", "damaged or of an unknown format"),
    "an object": (
        b"model: !!python/object/apply:os.system [ls]",
        "damaged or of an unknown format",
    ),
    "a bomb": (BOMB.encode(), "contains references"),
    "a loop": (b"model: &m {target: *m}", "contains references"),
    "too deep": (b"[" * 20_000, "it is nested too deeply"),
    "too long": (SMALL.encode() + b"#" * MAX_BYTES, "larger than 64 kB"),
    "no model": (b"data: 1", "lacks model"),
    "no parameters": (b"model: {target: taming.models.vqgan.VQModel}", "lacks params"),
}
CHANGED = {
    "another class": (
        "vqgan.VQModel",
        "vqgan.VQSegmentationModel",
        "VQSegmentationModel' is unknown",
    ),
    "any class": ("taming.models.vqgan.VQModel", "os.system", "'os.system' is unknown"),
    "no class": ("taming.models.vqgan.VQModel", "[1, 2]", r"class \[1, 2\] is unknown"),
    "a part missing": ("n_embed: 16", "n: 16", "lacks n_embed"),
    "a part of it missing": ("double_z: false, ", "", "lacks double_z"),
    "a word for a number": ("n_embed: 16", "n_embed: many", "n_embed must be of whole numbers"),
    "a truth for a number": ("n_embed: 16", "n_embed: true", "n_embed must be of whole numbers"),
    "a fraction": ("num_res_blocks: 1", "num_res_blocks: 1.5", "num_res_blocks must be of whole"),
    "far too many": ("num_res_blocks: 1", "num_res_blocks: 1000000", "from 1 to 16, not 1000000"),
    "none": ("resolution: 32", "resolution: 0", "resolution must be of whole numbers"),
    "no levels": ("ch_mult: [1, 2]", "ch_mult: []", "ch_mult must hold at least one"),
    "a number for levels": ("ch_mult: [1, 2]", "ch_mult: 3", "ch_mult must be at most 8 whole"),
    "too many levels": ("ch_mult: [1, 2]", f"ch_mult: {[1] * 9}", "ch_mult must be at most 8"),
    "odd channels": ("ch: 32", "ch: 33", "ch must be a multiple of 32"),
    "other colours": ("in_channels: 3", "in_channels: 4", "in_channels must be 3, not 4"),
    "a variance too": ("double_z: false", "double_z: true", "double_z must be False, not True"),
    "something unknown": ("dropout: 0.0", "attn_type: linear", "the unknown key 'attn_type'"),
}


def read(folder: Path, content: str | bytes) -> VQGANConfig:
    path = folder / "model.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_architecture(path)


def test_the_published_configurations_are_understood(tmp_path: Path):
    assert read(tmp_path, IMAGENET) == F16
    gumbel = read(tmp_path, OPENIMAGES)
    assert (gumbel.quantizer, gumbel.n_embed, gumbel.ch_mult) == ("gumbel", 8192, (1, 1, 2, 4))
    assert gumbel.attn_resolutions == (32,)
    assert read(tmp_path, FLICKR).n_embed == 1024


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_configuration_is_refused_in_one_sentence(tmp_path: Path, kind: str):
    content, message = REFUSED[kind]
    with pytest.raises(ModelError, match=f"the configuration model.yaml .*{message}") as caught:
        read(tmp_path, content)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", CHANGED)
def test_what_does_not_fit_is_named(tmp_path: Path, kind: str):
    old, new, message = CHANGED[kind]
    assert old in SMALL
    with pytest.raises(ModelError, match=message) as caught:
        read(tmp_path, SMALL.replace(old, new))
    assert str(caught.value).isprintable()


def test_a_transformer_in_a_transformer_is_refused(tmp_path: Path):
    inner = "target: taming.models.vqgan.VQModel"
    nested = FLICKR.replace(inner, "target: taming.models.cond_transformer.Net2NetTransformer")
    with pytest.raises(ModelError, match="Net2NetTransformer' is unknown"):
        read(tmp_path, nested)


def test_a_gumbel_vqgan_needs_as_many_channels_before_its_codes_as_in_them(tmp_path: Path):
    with pytest.raises(ModelError, match="embed_dim and z_channels of a GumbelVQ must be the same"):
        read(tmp_path, SMALL.replace("VQModel", "GumbelVQ"))


def test_a_missing_configuration_is_named(tmp_path: Path):
    with pytest.raises(ModelError, match="the configuration model.yaml is missing"):
        read_architecture(tmp_path / "model.yaml")
