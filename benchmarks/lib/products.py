"""How fast the products of some work could be: two bounds, measured on the same machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from benchmarks.lib.spending import Spent, Work, least

SIDE, TRIES = 4096, 3
"""Side in which a product reaches the machine's peak, and number of timed calls."""


@dataclass
class Product:
    """A product, convolution or attention of certain shapes."""

    call: Callable[[], object]
    tensors: Sequence[Tensor]
    """Its positional arguments that are tensors."""
    operations: int
    """Floating point operations of one call."""
    count: int = 0
    """Number of calls in the work."""


@dataclass(frozen=True)
class Bounds:
    """What all products of some work take at least."""

    operations: int
    """Floating point operations of the products."""
    at_peak: Spent
    """At the speed of one product of two large square matrices."""
    alone: Spent
    """The sum of what products of the same shapes take, each timed alone."""


@torch.no_grad()
def measure_bounds(work: Work, side: int = SIDE) -> Bounds:
    """Measure the bounds of the products, convolutions and attentions in a call of `work`.

    `side` is that of the large matrix.
    """
    with Recorder() as recorder:
        work()
    products = recorder.products
    operations = sum(each.count * each.operations for each in products)
    alone = sum((least(each.call, TRIES) * each.count for each in products), Spent(0, 0))
    matrix = torch.randn(side, side)
    large = least(lambda: matrix @ matrix, TRIES)
    return Bounds(operations, large * (operations / (2 * side**3)), alone)


class Recorder(TorchDispatchMode):
    """Records each product with tensors of the same shapes, types and strides, not the values."""

    def __init__(self) -> None:
        super().__init__()
        self._products: dict[str, Product] = {}

    @property
    def products(self) -> list[Product]:
        """The different products so far."""
        return list(self._products.values())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        count = _operations_of(func)
        if count is not None:
            key = str((func, *tree_map_only(Tensor, _layout, (args, kwargs))))
            if key not in self._products:
                like, named = tree_map_only(Tensor, _like, (args, kwargs))
                operations = count(*args, **kwargs, out_val=result)
                tensors = [each for each in like if isinstance(each, Tensor)]
                call = partial(func, *like, **named)
                self._products[key] = Product(call, tensors, operations)
            self._products[key].count += 1
        return result


def _operations_of(func: Any) -> Callable[..., int] | None:
    packet = func._overloadpacket
    if packet is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu:
        return lambda query, key, value, *_, **__: sdpa_flop_count(
            query.shape, key.shape, value.shape
        )
    return flop_registry.get(packet)


def _layout(tensor: Tensor) -> tuple[object, ...]:
    return (tensor.shape, tensor.stride(), tensor.dtype)


def _like(tensor: Tensor) -> Tensor:
    """Return a tensor with other values, which may be expanded like the original."""
    last = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    values = torch.randn(last + 1).to(tensor.dtype)
    return values.as_strided(tensor.shape, tensor.stride())
