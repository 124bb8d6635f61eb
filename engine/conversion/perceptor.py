"""Make the configuration of a published CLIP from open_clip's name for its architecture.

The name fixes the architecture, but not always how the weights were trained. It may be followed by
open_clip's name of the weights, as in `ViT-L-14:laion2b_s32b_b82k`, and must be if weights of one
architecture differ, so that nothing is guessed.
"""

from typing import Any, NoReturn

import open_clip

from engine.conversion.checkpoint import Form
from engine.errors import ModelError, suggestion
from engine.models.clip import SIMPLE_TOKENIZER, TIMM_TOWERS, file_tokenizer

_KEYS = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}
"""The keys of configurations that open_clip builds without other libraries."""
_SIGLIP_KEYS = {"embed_dim", "vision_cfg", "text_cfg", "custom_text", "init_logit_bias"}
_SIGLIP_TEXT_KEYS = {
    *("context_length", "vocab_size", "hf_tokenizer_name", "tokenizer_kwargs"),
    *("width", "heads", "layers"),
    *("no_causal_mask", "proj_bias", "pool_type", "norm_kwargs", "act_kwargs"),
}
"""The keys of SigLIP 2, whose image tower is timm's and whose tokenizer is a file."""
_QUICK = "-quickgelu"


def clip_config(name: str, form: Form, tokenizer: str | None = None) -> dict[str, Any]:
    """Return the configuration of an architecture for `engine.models.clip.build_clip`.

    Args:
        name: open_clip's name, with the name of the weights after a colon if needed.
        form: the file format of the weights. An archive is one of OpenAI's, whose activation is
            QuickGELU; another activation would silently ruin the pictures.
        tokenizer: the SHA-256 of the tokenizer's file, which only SigLIP needs.

    Raises:
        ModelError: the name is unknown or does not fit.
    """
    architecture, _, weights = name.partition(":")
    config = _published(architecture)
    if _is_siglip(config) and tokenizer is None:
        raise ModelError(
            f"the architecture {architecture} needs its own tokenizer: name the file "
            "tokenizer.json, published beside the weights, as tokenizer"
        )
    if tokenizer is not None and not _is_siglip(config):
        raise ModelError(
            f"the architecture {architecture} uses the tokenizer of open_clip: name no other"
        )
    trained = _trained(architecture, weights)
    activations = {bool(each.get("quick_gelu")) for each in trained}
    if form == "torchscript" or activations == {True}:
        check_quick(architecture, config)
    normalisations = {(tuple(each["mean"]), tuple(each["std"])) for each in trained}
    if len(normalisations) > 1:
        example = open_clip.list_pretrained_tags_by_model(architecture)[-1]
        raise ModelError(
            f"weights of the architecture {architecture} differ in how they normalise pictures: "
            f"name them too, as in {architecture}:{example}"
        )
    if len(activations) > 1 and not _is_quick(config):
        _refuse_unknown_activation(architecture)
    ours: dict[str, Any] = {"tokenizer": SIMPLE_TOKENIZER}
    if tokenizer is not None:
        ours["tokenizer"] = file_tokenizer(tokenizer)
    for mean, std in normalisations:
        ours |= {"mean": list(mean), "std": list(std)}
    return config | ours


def check_quick(name: str, config: dict[str, Any]) -> None:
    """Raise `ModelError` unless the architecture has OpenAI's activation."""
    architecture = name.partition(":")[0]
    if not _is_quick(config):
        raise ModelError(
            f"these weights were trained with another activation than {architecture} has: "
            f"name {architecture}{_QUICK} instead"
        )


def _is_quick(config: dict[str, Any]) -> bool:
    return bool(config.get("quick_gelu", False))


def _refuse_unknown_activation(architecture: str) -> NoReturn:
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    facts = {tag: open_clip.get_pretrained_cfg(architecture, tag) for tag in tags}
    example = next(tag for tag in reversed(tags) if not facts[tag].get("quick_gelu"))
    raise ModelError(
        f"weights of the architecture {architecture} differ in their activation: name "
        f"{architecture}{_QUICK} for those of OpenAI, or name the weights too, as in "
        f"{architecture}:{example}"
    )


def _published(architecture: str) -> dict[str, Any]:
    known = open_clip.list_models()
    if architecture not in known:
        raise ModelError(
            f"open_clip knows no architecture {architecture!r:.80}{suggestion(architecture, known)}"
        )
    config: Any = open_clip.get_model_config(architecture)
    text, vision = config["text_cfg"], config["vision_cfg"]
    tower = vision.get("timm_model_name")
    is_foreign_tower = tower is not None and tower not in TIMM_TOWERS
    foreign = is_foreign_tower or any(key.startswith("hf_") for key in text)
    plain = not foreign and "tokenizer_kwargs" not in text and _KEYS.issuperset(config)
    if not plain and not _is_siglip(config):
        raise ModelError(
            f"the architecture {architecture} is not supported: "
            "its towers or its tokenizer belong to another library"
        )
    return config


def _is_siglip(config: dict[str, Any]) -> bool:
    """Return True for an architecture like SigLIP 2, of any size."""
    text, vision = config["text_cfg"], config["vision_cfg"]
    return (
        vision.get("timm_model_name") in TIMM_TOWERS
        and config.keys() == _SIGLIP_KEYS
        and text.keys() == _SIGLIP_TEXT_KEYS
        and text["tokenizer_kwargs"] == {"clean": "canonicalize"}
    )


def _trained(architecture: str, weights: str) -> list[dict[str, Any]]:
    """Return open_clip's facts of the named weights, or of all of this architecture."""
    known = open_clip.list_pretrained_tags_by_model(architecture)
    if weights and weights not in known:
        raise ModelError(f"open_clip knows no weights {weights!r:.80} of {architecture}")
    return [
        open_clip.get_pretrained_cfg(architecture, tag) for tag in ([weights] if weights else known)
    ]
