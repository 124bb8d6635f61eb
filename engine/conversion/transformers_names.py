"""The tensors of a CLIP in the layout of Hugging Face's transformers, under open_clip's names.

Both are the same model: `CLIPModel` of transformers has queries, keys and values apart, and its
projections transposed. Its names are those of `openai/clip-vit-base-patch32`, for example.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

_TOWERS: Mapping[str, str] = MappingProxyType({"text_model": "", "vision_model": "visual."})
_WHOLE: Mapping[str, str] = MappingProxyType(
    {
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "vision_model.embeddings.class_embedding": "visual.class_embedding",
        "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
        "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
        "logit_scale": "logit_scale",
    }
)
_NORMS: Mapping[str, str] = MappingProxyType(
    {
        "text_model.final_layer_norm": "ln_final",
        "vision_model.pre_layrnorm": "visual.ln_pre",  # transformers writes it so
        "vision_model.post_layernorm": "visual.ln_post",
    }
)
_PROJECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "text_projection.weight": "text_projection",
        "visual_projection.weight": "visual.proj",
    }
)
_PARTS: Mapping[str, str] = MappingProxyType(
    {
        "layer_norm1": "ln_1",
        "layer_norm2": "ln_2",
        "self_attn.out_proj": "attn.out_proj",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
    }
)
_LAYER = re.compile(r"(text_model|vision_model)\.encoder\.layers\.(\d{1,3})\.(.+)\.(weight|bias)")
_POSITIONS = ".position_ids"
"""The end of the names of the numbers 0, 1, 2, ... in older files."""


def is_transformers_clip(tensors: Mapping[str, Tensor]) -> bool:
    """Return True if these are the tensors of a whole `CLIPModel`, and not of SigLIP, say."""
    return _PROJECTIONS.keys() <= tensors.keys()


def from_transformers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a `CLIPModel` under open_clip's names.

    Names that are unknown, or belong to an incomplete layer, stay, so that they can be reported.
    """
    own: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(_POSITIONS):
            continue
        if name in _PROJECTIONS:
            own[_PROJECTIONS[name]] = tensor.T.contiguous()
        else:
            own[_WHOLE.get(name) or _norm(name) or _in_layer(name) or name] = tensor
    return _joined(own)


def _norm(name: str) -> str | None:
    module, _, kind = name.rpartition(".")
    return f"{_NORMS[module]}.{kind}" if module in _NORMS else None


def _in_layer(name: str) -> str | None:
    """Return open_clip's name of a part of a layer, of a query with `attn.q_proj` in it."""
    match = _LAYER.fullmatch(name)
    if match is None:
        return None
    tower, number, part, kind = match.groups()
    mapped = _PARTS.get(part) or re.sub(r"^self_attn\.([qkv]_proj)$", r"attn.\1", part)
    return f"{_TOWERS[tower]}transformer.resblocks.{number}.{mapped}.{kind}"


def _joined(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Join the queries, keys and values of each layer."""
    joined = dict(tensors)
    for name in tensors:
        block, mark, kind = name.partition(".attn.q_proj.")
        parts = [f"{block}.attn.{each}_proj.{kind}" for each in "qkv"]
        if mark and all(each in joined for each in parts):
            joined[f"{block}.attn.in_proj_{kind}"] = torch.cat([joined.pop(e) for e in parts])
    return joined
