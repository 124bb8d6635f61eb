"""What published pairs need is counted without their files, and as torch counts it."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.lib.operations import Work, count_decoding
from benchmarks.pairs import Card, main
from engine.models.generators import as_generator, build_network

TAESD = {"kind": "taesd", "channels": 4}
SIDE = 64


def test_counts_without_values_are_those_of_real_tensors() -> None:
    latents = torch.randn(1, 4, SIDE // 8, SIDE // 8)
    network = build_network(TAESD)
    network.requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        as_generator(network).decode((latents.requires_grad_(),)).sum().backward()
    with torch.device("meta"):
        frozen = build_network(TAESD)
    frozen.requires_grad_(False)
    work = count_decoding(as_generator(frozen), (latents.to("meta"),))
    assert work.flops == counter.get_total_flops()
    # The picture alone is written and read, in float32.
    assert work.product_bytes > 2 * 3 * SIDE**2 * 4


def test_arithmetic_is_at_half_of_the_peak_and_other_traffic_comes_on_top() -> None:
    card = Card("a card", flops=100.0, bandwidth=10.0)
    assert card.seconds(Work(flops=50, product_bytes=1000, other_bytes=20)) == pytest.approx(3.0)


def test_the_table_has_a_row_for_each_side(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--models", "pixels", "--sides", "64", "128", "--cutouts", "1"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[:2] for row in rows] == [["| pixels", "64"], ["| pixels", "128"]]
