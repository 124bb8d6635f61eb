"""What a published CLIP is built like: from open_clip's name for it to a configuration.

A name fixes the architecture but not always what the weights were trained with. So that nothing is
guessed, the name may go on with open_clip's own name of the weights, as in
`ViT-L-14:laion2b_s32b_b82k`, and has to where weights of one architecture differ.
"""

from typing import Any

import open_clip

from engine.clip import SIMPLE_TOKENIZER
from engine.conversion.checkpoint import Form
from engine.errors import ModelError

_KEYS = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}
"""Of the configurations that this program can build; others have towers of other libraries."""
_QUICK = "-quickgelu"


def clip_config(name: str, form: Form) -> dict[str, Any]:
    """The configuration of the architecture `name`, as `engine.clip.build_clip` takes it.

    `form` is what the weights are packed in: an archive is one of OpenAI's, whose activation is
    QuickGELU. With any other the pictures would be quietly ruined.

    Raises `ModelError` for a name that is not known, or that does not fit.
    """
    architecture, _, weights = name.partition(":")
    config = _published(architecture)
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
    ours = {"tokenizer": SIMPLE_TOKENIZER}
    for mean, std in normalisations:
        ours |= {"mean": list(mean), "std": list(std)}
    return config | ours


def _published(architecture: str) -> dict[str, Any]:
    if architecture not in open_clip.list_models():
        raise ModelError(f"open_clip knows no architecture {architecture!r:.80}")
    config: Any = open_clip.get_model_config(architecture)
    text, vision = config["text_cfg"], config["vision_cfg"]
    foreign = "timm_model_name" in vision or any(key.startswith("hf_") for key in text)
    if foreign or "tokenizer_kwargs" in text or not _KEYS.issuperset(config):
        raise ModelError(
            f"the architecture {architecture} is not supported: "
            "its towers or its tokenizer are of another library"
        )
    return config


def _trained(architecture: str, weights: str) -> list[dict[str, Any]]:
    """What open_clip knows of the named weights, or of all of this architecture."""
    known = open_clip.list_pretrained_tags_by_model(architecture)
    if weights and weights not in known:
        raise ModelError(f"open_clip knows no weights {weights!r:.80} of {architecture}")
    return [
        open_clip.get_pretrained_cfg(architecture, tag) for tag in ([weights] if weights else known)
    ]
