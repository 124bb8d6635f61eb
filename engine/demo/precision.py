"""The precision that demo models are trained in on this machine."""

import torch


def half_precision() -> torch.autocast:
    """Return a context of bfloat16 where the processor is fast in it, else of float32.

    Without AVX-512, bfloat16 is emulated and takes many times as long.
    """
    fast = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)
