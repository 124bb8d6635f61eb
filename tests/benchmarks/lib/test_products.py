"""Bounds of products: what is counted, and that each is timed with its own shapes."""

import torch
from torch.nn import functional as F

from benchmarks.lib.products import Recorder, measure_bounds
from benchmarks.lib.spending import Spent, in_turn


def work() -> None:
    images = torch.zeros(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    for _ in range(2):
        F.conv2d(images, torch.zeros(5, 3, 3, 3), padding=1)
    F.linear(torch.zeros(2, 4, 6), torch.zeros(7, 6), torch.zeros(7))
    heads = torch.zeros(1, 2, 4, 8)
    F.scaled_dot_product_attention(heads, heads, heads)


@torch.no_grad()
def test_all_products_of_some_work_are_counted() -> None:
    convolutions = 2 * 2 * (2 * 5 * 8 * 8) * 3 * 9
    linear, attention = 2 * (2 * 4) * 6 * 7, 2 * 2 * 2 * 4 * 4 * 8
    with Recorder() as recorder:
        work()
    counted = sorted((each.count, each.count * each.operations) for each in recorder.products)
    assert counted == sorted([(2, convolutions), (1, linear), (1, attention)])
    assert measure_bounds(work, side=16).operations == convolutions + linear + attention


@torch.no_grad()
def test_a_product_alone_has_the_shapes_and_strides_of_the_one_in_the_work() -> None:
    bias, matrix = torch.zeros(7).expand(4, 7), torch.zeros(6, 4).T
    with Recorder() as recorder:
        torch.addmm(bias, matrix, torch.zeros(6, 7))
    (product,) = recorder.products
    assert isinstance(product.call(), torch.Tensor)
    assert [each.stride() for each in product.tensors] == [(0, 1), (1, 4), (7, 1)]
    assert all(each.abs().max() > 0 for each in product.tensors)


def test_works_take_turns_and_the_order_changes() -> None:
    called: list[str] = []
    spent = in_turn({name: lambda name=name: called.append(name) for name in "ab"}, rounds=3)
    assert "".join(called) == "ab" + "ab" + "ba" + "ab"
    assert {name: len(each) for name, each in spent.items()} == {"a": 3, "b": 3}
    assert Spent(1, 2) * 3 + Spent(0.5, 0) == Spent(3.5, 6)
