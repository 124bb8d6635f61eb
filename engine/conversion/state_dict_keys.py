"""Map the tensor names of a published checkpoint to those of this program's model.

Nothing is guessed: each tensor belongs to the model or to a part that is known to be unneeded, and
each tensor of the model is present in its shape.
"""

from collections.abc import Mapping

from torch import Tensor

from engine.conversion.transformers_names import from_transformers, is_transformers_clip
from engine.errors import ModelError
from engine.models.tensors import is_finite

_FIRST_STAGE = "first_stage_model."
"""The prefix of the autoencoder in a transformer's checkpoint."""
_TRANSFORMER_PARTS = ("transformer.", "cond_stage_model.", "permuter.")
_LOSS = "loss."
"""The prefix of VQGAN's training loss, a VGG and a discriminator."""

_TRANSFORMERS = ("text_model.", "vision_model.")
"""The prefixes of a CLIP's towers in Hugging Face's library transformers."""
_DIFFUSERS = ("encoder.down_blocks.", "decoder.up_blocks.")
"""Prefixes in the autoencoders of Hugging Face's library diffusers."""
_OPENAI_FACTS = ("input_resolution", "context_length", "vocab_size")
"""Numbers among the tensors of OpenAI's archives that the architecture holds too."""
_MASK = "attn_mask"
"""A tensor in each block of some archives that follows from the context length."""

_NAMED = 3
"""The number of wrong names that a message lists."""


def generator_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a VQGAN's tensors from a checkpoint of `VQModel`, `GumbelVQ` or a transformer.

    Names of unknown parts stay, so that `check_tensors` can report them.
    """
    inner = tensors
    if any(name.startswith(_FIRST_STAGE) for name in tensors):
        inner = {
            name.removeprefix(_FIRST_STAGE): tensor
            for name, tensor in tensors.items()
            if not name.startswith(_TRANSFORMER_PARTS)
        }
    return {name: tensor for name, tensor in inner.items() if not name.startswith(_LOSS)}


def perceptor_tensors(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return a CLIP's tensors from a checkpoint of OpenAI, open_clip or transformers."""
    if is_transformers_clip(tensors):
        tensors = from_transformers(tensors)
    own = {
        name: tensor
        for name, tensor in tensors.items()
        if name not in _OPENAI_FACTS and name.rpartition(".")[2] != _MASK
    }
    for number in ("logit_scale", "logit_bias"):
        if number in own and number in expected and own[number].numel() == 1:
            own[number] = own[number].reshape(expected[number].shape)  # [] in some, [1] in others
    return own


def is_openais(tensors: Mapping[str, Tensor]) -> bool:
    """Return True if only a checkpoint of OpenAI can have these tensors."""
    return any(name in tensors for name in _OPENAI_FACTS)


def check_layout(tensors: Mapping[str, Tensor], file: str) -> None:
    """Raise `ModelError` if the names are those of another library, and say what to take."""
    if any(name.startswith(_TRANSFORMERS) for name in tensors):
        raise ModelError(
            f"the checkpoint {file} is in the layout of Hugging Face's transformers, but not the "
            "whole of a CLIP: take the file for open_clip, such as open_clip_model.safetensors or "
            "open_clip_pytorch_model.bin, or OpenAI's own, such as ViT-B-32.pt"
        )
    if any(name.startswith(_DIFFUSERS) for name in tensors):
        raise ModelError(
            f"the checkpoint {file} is an autoencoder in the layout of Hugging Face's diffusers: "
            "take the file of taming-transformers, such as last.ckpt or model.ckpt"
        )


def check_finite(tensors: Mapping[str, Tensor], file: str) -> None:
    """Raise `ModelError` if a number is infinite or none, with which every picture diverges."""
    for name, tensor in tensors.items():
        if not is_finite(tensor):
            raise ModelError(
                f"{file} cannot be used: {name!r:.120} contains values that are not finite "
                "numbers. Its training failed, or the file is damaged: download it again, or take "
                "another one"
            )


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], file: str) -> None:
    """Raise `ModelError` for tensors that are missing, unexpected, or of a wrong shape or type.

    `expected` is the state of the model itself, which may be on the meta device.
    """
    check_layout(tensors, file)
    missing = [name for name in expected if name not in tensors]
    if missing:
        raise ModelError(f"the checkpoint {file} lacks {_some(missing)} of this architecture")
    unexpected = [name for name in tensors if name not in expected]
    if unexpected:
        raise ModelError(
            f"the checkpoint {file} has {_some(unexpected)}, unknown to this architecture"
        )
    for name, model in expected.items():
        tensor = tensors[name]
        if tensor.shape != model.shape:
            raise ModelError(
                f"in the checkpoint {file}, {name!r} has the shape {tuple(tensor.shape)} "
                f"where this architecture has {tuple(model.shape)}"
            )
        if tensor.is_floating_point() != model.is_floating_point():
            raise ModelError(
                f"in the checkpoint {file}, {name!r} has the type {tensor.dtype} "
                f"where this architecture has {model.dtype}"
            )
    check_finite(tensors, f"the checkpoint {file}")


def _some(names: list[str]) -> str:
    told = ", ".join(f"{name!r:.120}" for name in names[:_NAMED])
    return told if len(names) <= _NAMED else f"{told} and {len(names) - _NAMED} more"
