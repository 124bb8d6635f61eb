"""Measure the memory that is saved for the gradient, per pixel and per cutout, for the registry.

Uses published architectures with random weights. Each storage that autograd saves is counted once,
without the weights and without temporary results.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.memory import PRECISIONS

if TYPE_CHECKING:
    from torch import Tensor, nn

    from engine.models.vqgan import VQGANConfig

SIDE, CUTOUTS = 256, 4


def main(arguments: list[str]) -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks kept", description=__doc__)
    parser.parse_args(arguments)
    from engine.weights.registry import shipped_registry

    print("| generator | precision | weights | of the decoder | per pixel | with recomputation |")
    print("|---|---|---|---|---|---|")
    for name, config in _generators().items():
        for precision in PRECISIONS:
            weights, lowered, once, twice = count_generator(config, precision)
            print(
                f"| {name} | {precision} | {weights / 1e6:.0f} MB | {lowered / 1e6:.0f} MB "
                f"| {once / 1e3:.2f} kB | {twice / 1e3:.2f} kB |"
            )
    print("\n| perceptor | precision | weights | of the image tower | per cutout |")
    print("|---|---|---|---|---|")
    for name in dict.fromkeys(each.open_clip for each in shipped_registry().perceptors.values()):
        for precision in PRECISIONS:
            weights, lowered, saved = count_perceptor(name, precision)
            print(
                f"| {name} | {precision} | {weights / 1e6:.0f} MB | {lowered / 1e6:.0f} MB "
                f"| {saved / 1e6:.1f} MB |"
            )


def count_generator(config: "VQGANConfig", precision: str) -> tuple[int, int, float, float]:
    """Measure a generator at `SIDE` pixels.

    Returns:
        Bytes of all weights, of the decoder's weights, and bytes saved per pixel without and with
        recomputation.
    """
    import torch

    from benchmarks.lib.machine import weigh
    from engine.models.devices import PRECISIONS as DTYPES
    from engine.models.vqgan import VQGAN

    vqgan = VQGAN(config).to(memory_format=torch.channels_last)  # pyright: ignore
    vqgan.freeze_for_inference(DTYPES[precision])
    cells = SIDE // vqgan.factor
    latent = torch.randn(1, config.embed_dim, cells, cells).requires_grad_()
    saved = [
        saved_bytes(vqgan, lambda again=again: vqgan.decode(latent, recompute=again)) / SIDE**2
        for again in (False, True)
    ]
    return weigh(vqgan), weigh(vqgan.decoder, vqgan.post_quant_conv), saved[0], saved[1]


def count_perceptor(name: str, precision: str) -> tuple[int, int, float]:
    """Measure a perceptor with `CUTOUTS` cutouts.

    Returns:
        Bytes of all weights, of the image tower's weights, and bytes saved per cutout.
    """
    import open_clip
    import torch

    from benchmarks.lib.machine import weigh
    from engine.models.clip import ClipPerceptor, build_towers
    from engine.models.devices import PRECISIONS as DTYPES

    config = open_clip.get_model_config(name.partition(":")[0])
    assert config is not None
    perceptor = ClipPerceptor(build_towers(config), open_clip.SimpleTokenizer())
    perceptor.to(memory_format=torch.channels_last)  # pyright: ignore
    perceptor.freeze_for_inference(DTYPES[precision])
    side = perceptor.input_size
    views = torch.rand(CUTOUTS, 3, side, side).requires_grad_()
    saved = saved_bytes(perceptor, lambda: perceptor.encode_image(views))
    return weigh(perceptor), weigh(perceptor.model.visual), saved / CUTOUTS


def saved_bytes(module: "nn.Module", compute: "Callable[[], Tensor]") -> int:
    """Return the bytes that autograd saves in `compute`, without the weights of `module`."""
    import torch

    weights = {each.untyped_storage().data_ptr() for each in module.state_dict().values()}
    saved = {}

    def record(tensor: "Tensor") -> "Tensor":
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage  # kept alive, so that its address is not reused
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(record, lambda tensor: tensor):
        compute()
    return sum(storage.nbytes() for storage in saved.values())


def _generators() -> "dict[str, VQGANConfig]":
    from benchmarks.lib.architectures import GENERATOR

    finer = replace(GENERATOR, ch_mult=(1, 1, 2, 4), attn_resolutions=(32,), quantizer="gumbel")
    return {
        "16 pixels a cell, 16384 codes": GENERATOR,
        "16 pixels a cell, 8192 codes": replace(GENERATOR, n_embed=8192),
        "16 pixels a cell, 1024 codes": replace(GENERATOR, n_embed=1024),
        "8 pixels a cell, 8192 codes": replace(finer, n_embed=8192),
    }
