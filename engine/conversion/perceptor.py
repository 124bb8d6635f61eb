"""What a published CLIP is built like: from open_clip's name for it to a configuration.

A name fixes the architecture but not always what the weights were trained with. So that nothing is
guessed, the name may go on with open_clip's own name of the weights, as in
`ViT-L-14:laion2b_s32b_b82k`, and has to where weights of one architecture differ.
"""

from typing import Any

import open_clip

from engine.conversion.checkpoint import Form
from engine.errors import ModelError
from engine.models.clip import SIMPLE_TOKENIZER, TIMM_TOWERS, file_tokenizer

_KEYS = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}
"""Of the configurations that open_clip builds by itself; others have towers of other libraries."""
_SIGLIP_KEYS = {"embed_dim", "vision_cfg", "text_cfg", "custom_text", "init_logit_bias"}
_SIGLIP_TEXT_KEYS = {
    *("context_length", "vocab_size", "hf_tokenizer_name", "tokenizer_kwargs"),
    *("width", "heads", "layers"),
    *("no_causal_mask", "proj_bias", "pool_type", "norm_kwargs", "act_kwargs"),
}
"""Of SigLIP 2's, whose image tower is timm's, and whose tokenizer a file's."""
_QUICK = "-quickgelu"


def clip_config(name: str, form: Form, tokenizer: str | None = None) -> dict[str, Any]:
    """The configuration of the architecture `name`, as `engine.models.clip.build_clip` takes it.

    `form` is what the weights are packed in: an archive is one of OpenAI's, whose activation is
    QuickGELU. With any other the pictures would be quietly ruined. `tokenizer` is the SHA-256 of
    the tokenizer's file, which SigLIP needs, and no other has.

    Raises `ModelError` for a name that is not known, or that does not fit.
    """
    architecture, _, weights = name.partition(":")
    config = _published(architecture)
    if _is_siglip(config) and tokenizer is None:
        raise ModelError(
            f"the architecture {architecture} has a tokenizer of its own: name the file "
            "tokenizer.json, published beside the weights, as tokenizer"
        )
    if tokenizer is not None and not _is_siglip(config):
        raise ModelError(
            f"the architecture {architecture} has the tokenizer that open_clip brings along: "
            "name no other"
        )
    trained = _trained(architecture, weights)
    quick = bool(config.get("quick_gelu", False))
    needs_quick = form == "torchscript" or (weights and trained[0].get("quick_gelu"))
    if needs_quick and not quick:
        raise ModelError(
            f"these weights were trained with another activation than {architecture} has: "
            f"name {architecture}{_QUICK} instead"
        )
    normalisations = {(tuple(each["mean"]), tuple(each["std"])) for each in trained}
    if len(normalisations) > 1:
        example = open_clip.list_pretrained_tags_by_model(architecture)[-1]
        raise ModelError(
            f"weights of the architecture {architecture} differ in how pictures are normalised: "
            f"name them too, as in {architecture}:{example}"
        )
    ours: dict[str, Any] = {"tokenizer": SIMPLE_TOKENIZER}
    if tokenizer is not None:
        ours["tokenizer"] = file_tokenizer(tokenizer)
    for mean, std in normalisations:
        ours |= {"mean": list(mean), "std": list(std)}
    return config | ours


def _published(architecture: str) -> dict[str, Any]:
    if architecture not in open_clip.list_models():
        raise ModelError(f"open_clip knows no architecture {architecture!r:.80}")
    config: Any = open_clip.get_model_config(architecture)
    text, vision = config["text_cfg"], config["vision_cfg"]
    foreign = "timm_model_name" in vision or any(key.startswith("hf_") for key in text)
    plain = not foreign and "tokenizer_kwargs" not in text and _KEYS.issuperset(config)
    if not plain and not _is_siglip(config):
        raise ModelError(
            f"the architecture {architecture} is not supported: "
            "its towers or its tokenizer are of another library"
        )
    return config


def _is_siglip(config: dict[str, Any]) -> bool:
    """Whether it is built like SigLIP 2, whose sizes may be any."""
    text, vision = config["text_cfg"], config["vision_cfg"]
    return (
        vision.get("timm_model_name") in TIMM_TOWERS
        and config.keys() == _SIGLIP_KEYS
        and text.keys() == _SIGLIP_TEXT_KEYS
        and text["tokenizer_kwargs"] == {"clean": "canonicalize"}
    )


def _trained(architecture: str, weights: str) -> list[dict[str, Any]]:
    """What open_clip knows of the named weights, or of all of this architecture."""
    known = open_clip.list_pretrained_tags_by_model(architecture)
    if weights and weights not in known:
        raise ModelError(f"open_clip knows no weights {weights!r:.80} of {architecture}")
    return [
        open_clip.get_pretrained_cfg(architecture, tag) for tag in ([weights] if weights else known)
    ]
