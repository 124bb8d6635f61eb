"""Whose tensor is which: from the names of a published checkpoint to those of this program's model.

Nothing is guessed. Every tensor is one of the model's, or of a part that is known not to be needed,
and every tensor of the model is there in its shape.
"""

from collections.abc import Mapping

from torch import Tensor

from engine.errors import ModelError

_FIRST_STAGE = "first_stage_model."
"""Where a transformer's checkpoint holds the autoencoder that it paints with."""
_TRANSFORMER_PARTS = ("transformer.", "cond_stage_model.", "permuter.")
_LOSS = "loss."
"""VQGAN's training loss: a VGG and a discriminator."""

_OPENAI_FACTS = ("input_resolution", "context_length", "vocab_size")
"""Numbers that OpenAI's archives hold among the tensors; the architecture has them too."""
_MASK = "attn_mask"
"""Follows from the length of the context; some archives hold it, in every block."""

_NAMED = 3
"""How many of several wrong names a message gives."""


def generator_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A VQGAN's own tensors out of a checkpoint of `VQModel`, `GumbelVQ` or `Net2NetTransformer`.

    A name of no known part stays, so that `check_tensors` can tell it.
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
    """A CLIP's own tensors out of a checkpoint of OpenAI's or open_clip's."""
    own = {
        name: tensor
        for name, tensor in tensors.items()
        if name not in _OPENAI_FACTS and name.rpartition(".")[2] != _MASK
    }
    for number in ("logit_scale", "logit_bias"):
        if number in own and number in expected and own[number].numel() == 1:
            own[number] = own[number].reshape(expected[number].shape)  # [] in some, [1] in others
    return own


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], file: str) -> None:
    """Raise `ModelError` naming what is missing, unexpected or of a wrong shape or kind.

    `expected` is the state of the model itself, which may lie on the meta device.
    """
    missing = [name for name in expected if name not in tensors]
    if missing:
        raise ModelError(f"the checkpoint {file} lacks {_some(missing)} of this architecture")
    unexpected = [name for name in tensors if name not in expected]
    if unexpected:
        raise ModelError(
            f"the checkpoint {file} holds {_some(unexpected)}, unknown to this architecture"
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
                f"in the checkpoint {file}, {name!r} holds {tensor.dtype} "
                f"where this architecture has {model.dtype}"
            )


def _some(names: list[str]) -> str:
    told = ", ".join(f"{name!r:.120}" for name in names[:_NAMED])
    return told if len(names) <= _NAMED else f"{told} and {len(names) - _NAMED} more"
