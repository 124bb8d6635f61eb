import math

import pytest
import torch

from engine.mindalle.sampling import draw_codes, probabilities

CHANCES = (0.4, 0.3, 0.15, 0.1, 0.05)
LOGITS = torch.tensor([[math.log(CHANCES[i]) + 7 for i in (3, 0, 4, 2, 1)]])
"""Logits of these probabilities in another order, shifted, which softmax ignores."""


def assert_chances(actual: torch.Tensor, *expected: float):
    in_order = actual[0, [1, 4, 3, 0, 2]]
    torch.testing.assert_close(in_order, torch.tensor(expected).float(), rtol=1e-4, atol=1e-6)


def test_without_limits_every_code_has_its_probability():
    assert_chances(probabilities(LOGITS), *CHANCES)


def test_top_k_leaves_the_likeliest_codes():
    assert_chances(probabilities(LOGITS, top_k=2), 4 / 7, 3 / 7, 0, 0, 0)
    assert_chances(probabilities(LOGITS, top_k=1), 1, 0, 0, 0, 0)
    assert_chances(probabilities(LOGITS, top_k=9), *CHANCES)


def test_codes_as_likely_as_the_last_of_top_k_stay():
    chances = probabilities(torch.tensor([[1.0, 2.0, 1.0, 0.0]]), top_k=2)
    assert chances[0, 0] == chances[0, 2] > 0 == chances[0, 3]


def test_top_p_keeps_the_first_code_that_reaches_the_limit():
    assert_chances(probabilities(LOGITS, top_p=0.6), 4 / 7, 3 / 7, 0, 0, 0)
    assert_chances(probabilities(LOGITS, top_p=0.75), 8 / 17, 6 / 17, 3 / 17, 0, 0)
    assert_chances(probabilities(LOGITS, top_p=0.01), 1, 0, 0, 0, 0)
    assert_chances(probabilities(LOGITS, top_p=0.999), *CHANCES)


def test_top_p_counts_what_top_k_left():
    # Of the best three, 8/17 + 6/17 = 0.82 reaches 0.8; of all five, 0.4 + 0.3 = 0.7 does not.
    assert_chances(probabilities(LOGITS, top_k=3, top_p=0.8), 4 / 7, 3 / 7, 0, 0, 0)


def test_temperature_comes_before_the_limits():
    squares = [chance**2 for chance in CHANCES]
    assert_chances(probabilities(LOGITS, temperature=0.5), *(s / sum(squares) for s in squares))
    # 0.16 / 0.285 = 0.56 of the likeliest code reaches 0.5 only at the lower temperature.
    assert_chances(probabilities(LOGITS, temperature=0.5, top_p=0.5), 1, 0, 0, 0, 0)


@pytest.mark.parametrize(("top_k", "top_p"), [(2, None), (None, 0.65)])
def test_codes_are_drawn_as_often_as_they_are_likely(top_k: int | None, top_p: float | None):
    random = torch.Generator().manual_seed(0)
    codes = draw_codes(LOGITS.expand(20_000, -1), random, top_k=top_k, top_p=top_p)
    shares = torch.bincount(codes, minlength=5) / len(codes)
    assert shares[1].item() == pytest.approx(4 / 7, abs=0.02)
    assert shares[[0, 2, 3]].sum() == 0


def test_draws_come_from_the_given_generator_only():
    before = torch.get_rng_state()
    first, again = (
        draw_codes(LOGITS.expand(50, -1), torch.Generator().manual_seed(3)) for _ in "ab"
    )
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
