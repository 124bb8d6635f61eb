"""A small step of VQGAN-CLIP, timed in float32 and in bfloat16 by turns.

It is made of the layers that a step of the published models spends its time in, at about the same
shares of forward and backward products: the last levels of a decoder with 128 channels, and a block
of ViT-B/32. Weights are random, because times do not depend on their values.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from open_clip.transformer import QuickGELU, VisionTransformer
from torch.nn import functional as F

from engine.models.clip import freeze_image_tower
from engine.models.onednn_products import has_onednn_products, multiply_by_onednn
from engine.models.processor import MARGIN
from engine.models.vqgan import VQGAN, VQGANConfig

SECONDS = 2.0
"""Seconds after which no further round begins once there are `USUAL` rounds."""
FEWEST, USUAL, MOST = 2, 3, 7
"""Number of rounds for a clear answer, least number for another one, and maximum number."""
CLEAR = 1.35
"""An answer is clear if every ratio of the times is above `MARGIN` by this factor, or below it. On
a busy machine 13 of 100 rounds were disturbed by as much, so one round is not enough."""
HOPELESS = 10.0
"""How many times as long tiny products in bfloat16 take where only slow routines compute them."""
_DECODER = VQGANConfig(
    n_embed=16,
    embed_dim=32,
    z_channels=32,
    ch=128,
    ch_mult=(1, 1),
    num_res_blocks=1,
    attn_resolutions=(),
    resolution=64,
)
_CELLS = 32
"""Side of the latent, of 64 pixels: normalizations are large enough for the usual gradient."""
_VIEWS, _VIEW_SIDE = 8, 224
"""Number and side of the cutouts."""
_USUAL_VIEWS = 32
"""Number of cutouts where an image tower is timed alone."""


def measure_gain() -> float:
    """Return how many times as fast as in float32 a small step is in bfloat16, on this CPU.

    The two take turns, and the order changes from round to round, so that other programs slow both
    alike; the result is the median of the rounds' ratios. Where products in bfloat16 are many times
    slower it is 0, because a step in it could take minutes.
    """
    if not _has_bf16_products():
        return 0.0
    with torch.random.fork_rng(devices=[]):
        exact, fast = _small_step(torch.float32), _small_step(torch.bfloat16)
    return compare_times(exact, fast)


def _has_bf16_products() -> bool:
    """Return True if this CPU has routines for bfloat16 that are worth a closer look."""
    mkldnn: Any = torch.ops.mkldnn
    if not torch.backends.mkldnn.is_available() or not mkldnn._is_mkldnn_bf16_supported():
        return False
    try:
        exact, fast = (_fastest(_tiny_products(dtype)) for dtype in (torch.float32, torch.bfloat16))
    except RuntimeError:  # oneDNN finds no routine
        return False
    return fast < HOPELESS * exact


def _tiny_products(dtype: torch.dtype) -> Callable[[], object]:
    """Return a function that multiplies matrices and convolves images, some million products."""
    rows, matrix = torch.ones(16, 256, dtype=dtype), torch.ones(256, 256, dtype=dtype)
    images, kernel = torch.ones(1, 32, 8, 8, dtype=dtype), torch.ones(32, 32, 3, 3, dtype=dtype)
    return lambda: (rows @ matrix, F.conv2d(images, kernel, padding=1))


def _fastest(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of a few calls."""
    seconds: list[float] = []
    for _ in range(MOST):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure_threads_gain(threads: int) -> float:
    """Return how many times as fast a small step is in float32 on `threads` threads as at present.

    The number of threads is the same afterwards.
    """
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        step = _small_step(torch.float32)

    def step_on(count: int) -> None:
        torch.set_num_threads(count)
        step()

    try:
        return compare_times(lambda: step_on(before), lambda: step_on(threads))
    finally:
        torch.set_num_threads(before)


def measure_products_gain() -> float:
    """Return how many times as fast a small image tower is if oneDNN computes its products.

    It is in float32, with as many views as a step usually has; 0 where oneDNN is missing.
    """
    if not has_onednn_products():
        return 0.0
    with torch.random.fork_rng(devices=[]):
        plain, other = (_small_tower(torch.float32) for _ in range(2))
        multiply_by_onednn(other)
        usual, changed = (_embedding(each, _USUAL_VIEWS, torch.float32) for each in (plain, other))
    return compare_times(usual, changed)


def compare_times(
    first: Callable[[], object],
    second: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return how many times as long `first` takes as `second`; each is called once before.

    Rounds end as soon as all of them give the same answer to the question if the ratio is `MARGIN`.
    """
    first()
    second()
    ratios: list[float] = []
    began = clock()
    while not _is_clear(ratios) and (
        len(ratios) < USUAL or (len(ratios) < MOST and clock() - began < SECONDS)
    ):
        seconds = {0: 0.0, 1: 0.0}
        for which in (0, 1) if len(ratios) % 2 == 0 else (1, 0):
            start = clock()
            (first, second)[which]()
            seconds[which] = clock() - start
        ratios.append(seconds[0] / max(seconds[1], 1e-9))
    return median(ratios)


def _is_clear(ratios: list[float]) -> bool:
    if len(ratios) < FEWEST:
        return False
    return min(ratios) > MARGIN * CLEAR or max(ratios) < MARGIN / CLEAR


def _small_step(dtype: torch.dtype) -> Callable[[], None]:
    """Return a function that decodes a latent and embeds views, forward and backward."""
    generator = VQGAN(_DECODER)
    generator.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    generator.freeze_for_inference(dtype)
    embed = _embedding(_small_tower(dtype), _VIEWS, dtype)
    latent = torch.randn(1, _DECODER.embed_dim, _CELLS, _CELLS).requires_grad_()

    def step() -> None:
        generator.decode(latent).sum().backward()
        embed()
        latent.grad = None

    return step


def _small_tower(dtype: torch.dtype) -> Any:
    """Return a block of ViT-B/32 as an image tower."""
    tower = VisionTransformer(
        image_size=_VIEW_SIDE, patch_size=32, width=768, layers=1, heads=12, mlp_ratio=4.0,
        output_dim=512, act_layer=QuickGELU,
    )  # fmt: skip
    freeze_image_tower(tower, dtype)
    return tower.eval().requires_grad_(False)


def _embedding(tower: Any, count: int, dtype: torch.dtype) -> Callable[[], None]:
    """Return a function that embeds `count` views, forward and backward."""
    views = torch.rand(count, 3, _VIEW_SIDE, _VIEW_SIDE).requires_grad_()

    def embed() -> None:
        tower(views.to(dtype)).float().sum().backward()
        views.grad = None

    return embed
