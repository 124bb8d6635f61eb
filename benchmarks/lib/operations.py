"""Operations and memory traffic of a step, counted on tensors that have shapes and no values.

Only sizes matter, so nothing is downloaded and nothing is computed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from engine.vqgan_clip.cutouts import cut
from engine.vqgan_clip.views import Views, draw, make_views

if TYPE_CHECKING:
    from engine.models.protocols import Generator, Perceptor, State
    from engine.recipes.augmentations import Augmentations

PRODUCTS = "products"
"""Kind of the operations whose arithmetic counts: products and convolutions."""
_PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution", "convolution_backward")
_FREE = ("_unsafe_view", "new_empty", "new_empty_strided", "empty_like", "ones_like")
"""Operations that move nothing, although they are no views by their declaration."""


@dataclass(frozen=True)
class Work:
    """What an amount of work asks of a device."""

    flops: int = 0
    """Floating point operations of products, convolutions and attention."""
    product_bytes: int = 0
    """Bytes that products and convolutions read and write."""
    other_bytes: int = 0
    """Bytes that all other operations read and write."""

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.flops + other.flops,
            self.product_bytes + other.product_bytes,
            self.other_bytes + other.other_bytes,
        )


class _Traffic(TorchDispatchMode):
    """Adds up the bytes of the inputs and outputs of each operation that is no view."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name.removeprefix("aten::")
        if not func.is_view and name not in _FREE:
            kind = PRODUCTS if name in _PRODUCTS else "others"
            self.bytes[kind] += sum(map(_size, _tensors((args, kwargs, result))))
        return result


def _tensors(values: object) -> Iterator[Tensor]:
    return (each for each in tree_leaves(values) if isinstance(each, Tensor))


def _size(tensor: Tensor) -> int:
    """Return the bytes of a tensor; those of an expanded one are there only once."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def count(work: Callable[[], object]) -> Work:
    """Count a piece of work, all of whose tensors are on the meta device."""
    flops, traffic = FlopCounterMode(display=False), _Traffic()
    # Torch knows no autocast for the meta device, and refuses to say that it is off.
    with patch("torch.is_autocast_enabled", return_value=False), flops, traffic:
        work()
    return Work(flops.get_total_flops(), traffic.bytes[PRODUCTS], traffic.bytes["others"])


def count_decoding(generator: "Generator", state: "State") -> Work:
    """Count the decoding of a state on the meta device, forward and backward."""
    state = tuple(each.detach().requires_grad_() for each in state)
    return count(lambda: generator.decode(state).sum().backward())


def count_embedding(perceptor: "Perceptor", cutouts: int) -> Work:
    """Count the embedding of cutouts by a perceptor on the meta device, forward and backward."""
    side = perceptor.input_size
    views = torch.rand(cutouts, 3, side, side, device="meta").requires_grad_()
    return count(lambda: perceptor.encode_image(views).sum().backward())


def count_cutting(side: int, cutouts: int, view_side: int, augmentations: "Augmentations") -> Work:
    """Count the cutting of views out of a square picture, forward and backward."""
    views = make_views(
        draw(cutouts, view_side, augmentations, torch.Generator()), 1.0, augmentations
    )
    parts = (views.matrices, views.colors, views.noise)
    matrices, colors, noise = (each if each is None else each.to("meta") for each in parts)
    assert matrices is not None
    image = torch.rand(1, 3, side, side, device="meta").requires_grad_()
    moved = Views(matrices, colors, noise)
    return count(lambda: cut(image, moved, view_side, augmentations).sum().backward())
