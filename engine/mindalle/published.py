"""From Kakao Brain's archive of minDALL-E to weights.

It holds a VQGAN and a transformer, each under `state_dict` of its checkpoint, a configuration for
both, and the two files of a tokenizer (kakaobrain/minDALL-E, dalle/models and configs).
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.conversion.architecture import reading_configuration
from engine.conversion.byte_pairs import read_byte_pairs
from engine.conversion.convert import convert_module
from engine.conversion.weights_file import write_bytes
from engine.errors import ModelError
from engine.mindalle.tokens import build_pair_tokenizer
from engine.mindalle.transformer import CODES, CodeTransformer, TransformerConfig
from engine.models.vqgan import VQGAN, VQGANConfig

_TRAINING_HEAD = "head_txt."
"""The prefix of the layer that predicts text, which is only trained with."""
_VQGAN_KEYS = ("z_channels", "ch", "ch_mult", "num_res_blocks", "attn_resolutions", "resolution")
_FIXED: Mapping[str, Mapping[str, Any]] = {
    "stage1": {"in_channels": 3, "out_ch": 3, "double_z": False},
    "stage2": {
        "ctx_len_img": CODES,
        "mlp_bias": True,
        "attn_bias": True,
        "gelu_use_approx": False,
    },
}
"""The values of `hparams` for which these models support only one."""


def convert_mindalle(files: Mapping[str, Path], to: Mapping[str, Path]) -> None:
    """Convert the files of minDALL-E; those that were converted before stay.

    Args:
        files: `config`, `decoder`, `transformer`, and the tokenizer's `vocabulary` and `merges`.
        to: paths of the results: `decoder`, a whole VQGAN, `transformer` and `tokenizer`. The
            folders must exist.

    Raises:
        ModelError: a file is missing, damaged, refused or of another architecture, or a result
            cannot be written.
    """
    vqgan, transformer = read_architectures(files["config"])
    convert_module(files["decoder"], vqgan.to_dict(), to["decoder"], build=lambda: VQGAN(vqgan))
    convert_module(
        files["transformer"],
        asdict(transformer),
        to["transformer"],
        build=lambda: CodeTransformer(transformer),
        select=_without_training_head,
    )
    pairs = read_byte_pairs(files["vocabulary"], files["merges"], transformer.tokens)
    write_bytes(to["tokenizer"], build_pair_tokenizer(*pairs).to_str().encode())


def read_architectures(path: Path) -> tuple[VQGANConfig, TransformerConfig]:
    """Read the architectures of VQGAN and transformer from the published configuration.

    Raises `ModelError` with the key that is missing or wrong.
    """
    with reading_configuration(path) as content:
        first, second = content["stage1"], content["stage2"]
        _check_type(first, "vqgan")
        _check_type(second, "transformer1d")
        for stage, fixed in _FIXED.items():
            for name, value in fixed.items():
                if content[stage]["hparams"].get(name, value) != value:
                    raise ModelError(f"{name} must be {value}")
        built, sizes = first["hparams"], second["hparams"]
        vqgan = {name: built[name] for name in _VQGAN_KEYS}
        vqgan |= {name: first[name] for name in ("n_embed", "embed_dim")}
        return VQGANConfig.from_dict(vqgan | {"quantizer": "nearest"}), TransformerConfig(
            tokens=second["vocab_size_txt"],
            text_length=sizes["ctx_len_txt"],
            codes=second["vocab_size_img"],
            width=sizes["embed_dim"],
            layers=sizes["n_layers"],
            heads=sizes["n_heads"],
        )


def _check_type(stage: Mapping[str, Any], known: str) -> None:
    if stage["type"] != known:
        raise ModelError(f"the type {stage['type']!r:.80} is unknown, only {known} is supported")


def _without_training_head(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: t for name, t in tensors.items() if not name.startswith(_TRAINING_HEAD)}
