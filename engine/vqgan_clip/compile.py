"""Models compiled with torch.compile, behind the setting `[engine] compile`.

Compilation happens in the first step of each new shape, which then takes a minute or more. Compiled
layers round differently, so this needs `deterministic = false`.
"""

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException

from engine.models.loading import Models
from engine.models.protocols import State

log = logging.getLogger(__name__)


def compile_models(models: Models, backend: str | Callable[..., Any] = "inductor") -> None:
    """Compile the decoder and the image towers of `models`, in place; `backend` is torch's."""
    for owner, name in (
        (models.generator, "decode"),
        *((perceptor, "encode_image") for perceptor in models.perceptors),
    ):
        setattr(owner, name, _compiled(getattr(owner, name), backend))


def _compiled(
    function: Callable[..., Tensor], backend: str | Callable[..., Any]
) -> Callable[..., Tensor]:
    """Compile `function` for the forward pass of a step; where that fails, it runs as it is."""
    compiled = torch.compile(function, backend=backend)
    has_failed = False

    def call(inputs: Tensor | State, **options: Any) -> Tensor:
        nonlocal has_failed
        tensors = (inputs,) if isinstance(inputs, Tensor) else inputs
        needs_gradient = any(each.requires_grad for each in tensors)
        # A decoder that computes its activations again is left alone: compilation would keep them.
        if has_failed or not needs_gradient or options.get("recompute"):
            return function(inputs, **options)
        try:
            return compiled(inputs, **options)
        except TorchDynamoException:
            # For example no C++ compiler is installed, or it does not know a layer.
            log.exception("the models cannot be compiled and run as they are")
            has_failed = True
        return function(inputs, **options)

    return call
