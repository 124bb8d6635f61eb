"""Compare results that may differ by rounding: the same sums, in an order that the CPU decides."""

import torch
from torch import Tensor


def assert_equal_up_to_rounding(found: Tensor, expected: Tensor, roundings: int = 500) -> None:
    """Fail where values differ by more than `roundings` roundings of the largest value.

    A sum carries the rounding of each of its terms, and small results are left when large terms
    cancel. The error is therefore measured against the largest value, not against each one.
    """
    unit = torch.finfo(found.dtype).eps * expected.abs().max().item()
    torch.testing.assert_close(found, expected, rtol=0, atol=roundings * unit)
