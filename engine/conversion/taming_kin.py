"""Published autoencoders of taming's layers under other names: SD-VAE, IBQ and LlamaGen.

Their files come without a configuration, so the architectures are here. Weights become those of
`engine.models.vqgan.VQGAN`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from engine.conversion.checkpoint import PartOfFile, read_checkpoint
from engine.conversion.convert import convert_module
from engine.conversion.state_dict_keys import generator_tensors
from engine.errors import ModelError
from engine.models.vqgan import VQGAN, VQGANConfig

IBQ = VQGANConfig(
    n_embed=16384,
    embed_dim=256,
    z_channels=256,
    ch=128,
    ch_mult=(1, 1, 2, 2, 4),
    num_res_blocks=4,
    attn_resolutions=(16,),
    resolution=256,
)
"""IBQ (Shi et al., 2024, arXiv 2412.02692); the number of codes differs."""
LLAMAGEN = replace(IBQ, embed_dim=8, num_res_blocks=2, normalized=True)
"""LlamaGen's tokenizer (Sun et al., 2024, arXiv 2406.06525) with 16 pixels a cell."""
LLAMAGEN_FINE = replace(LLAMAGEN, ch_mult=(1, 2, 2, 4), attn_resolutions=(32,))
"""The same with 8 pixels a cell."""
SD_VAE = VQGANConfig(
    n_embed=1,
    embed_dim=4,
    z_channels=4,
    ch=128,
    ch_mult=(1, 2, 4, 4),
    num_res_blocks=2,
    attn_resolutions=(),
    resolution=256,
    quantizer="gaussian",
    latent_scale=0.18215,
)
"""Stable Diffusion's autoencoder (Rombach et al., 2022), with the scale of its latents."""

_EMA = "model_ema."
_EMA_COUNTERS = ("model_ema.decay", "model_ema.num_updates")
_CODEBOOK = "quantize.embedding.weight"


def convert_ibq(checkpoint: Path, to: Path, architecture: VQGANConfig = IBQ) -> None:
    """Convert IBQ's checkpoint; errors as in `engine.conversion.convert.convert_vqgan`."""
    tensors = with_averages(read_checkpoint(checkpoint), checkpoint.name)
    _write(checkpoint, _with_codes(architecture, tensors, checkpoint), to, lambda: tensors)


def convert_llamagen(checkpoint: Path, to: Path, architecture: VQGANConfig = LLAMAGEN) -> None:
    """Convert LlamaGen's tokenizer; errors as in `engine.conversion.convert.convert_vqgan`."""
    tensors = llamagen_tensors(_under(checkpoint, "model"))
    config = _with_codes(architecture, tensors, checkpoint)
    tensors[_CODEBOOK] = F.normalize(tensors[_CODEBOOK].float(), dim=1)
    _write(checkpoint, config, to, lambda: tensors)


def convert_sd_vae(checkpoint: Path, to: Path, architecture: VQGANConfig = SD_VAE) -> None:
    """Convert Stable Diffusion's autoencoder, under CompVis' or diffusers' names.

    Errors are as in `engine.conversion.convert.convert_vqgan`.
    """

    def read() -> dict[str, Tensor]:
        tensors = read_checkpoint(checkpoint)
        if any(name.startswith("encoder.down_blocks.") for name in tensors):
            tensors = diffusers_tensors(tensors, len(architecture.ch_mult))
        return generator_tensors(tensors)

    _write(checkpoint, architecture, to, read)


def with_averages(tensors: Mapping[str, Tensor], file: str) -> dict[str, Tensor]:
    """Return the moving averages of the weights under the weights' own names.

    The authors evaluate with the averages. They are called `model_ema.` and the weight's name
    without dots. A checkpoint without any is returned as it is; raises `ModelError` if only some
    weights have one.
    """
    own = generator_tensors({k: v for k, v in tensors.items() if not k.startswith(_EMA)})
    averages = {k: v for k, v in tensors.items() if k.startswith(_EMA) and k not in _EMA_COUNTERS}
    if not averages:
        return own
    names = {f"{_EMA}{name.replace('.', '')}": name for name in own}
    lonely = [name for name in names if name not in averages]
    unknown = [name for name in averages if name not in names]
    if lonely or unknown:
        raise ModelError(
            f"the checkpoint {file} has moving averages of some weights only, or of unknown ones: "
            f"{(lonely + unknown)[0]!r:.120} has no counterpart. Take the complete file"
        )
    return {name: averages[ema] for ema, name in names.items()}


def llamagen_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return LlamaGen's tensors under taming's names, without the counts of used codes."""
    pattern = re.compile(r"decoder\.conv_blocks\.(\d+)\.")
    top = max((int(m[1]) for m in map(pattern.match, tensors) if m), default=0)
    rules: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
        (r"^encoder\.conv_blocks\.(\d+)\.", r"encoder.down.\1."),
        (r"^decoder\.conv_blocks\.(\d+)\.", lambda m: f"decoder.up.{top - int(m[1])}."),
        (r"\.res\.(\d+)\.", r".block.\1."),
        (r"\.mid\.0\.", ".mid.block_1."),
        (r"\.mid\.1\.", ".mid.attn_1."),
        (r"\.mid\.2\.", ".mid.block_2."),
    ]
    dropped = "quantize.codebook_used"
    return {_renamed(k, rules): v for k, v in tensors.items() if k != dropped}


def diffusers_tensors(tensors: Mapping[str, Tensor], levels: int) -> dict[str, Tensor]:
    """Return the tensors of diffusers' `AutoencoderKL` under taming's names."""
    rules: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
        (r"\.down_blocks\.(\d+)\.", r".down.\1."),
        (r"\.up_blocks\.(\d+)\.", lambda m: f".up.{levels - 1 - int(m[1])}."),
        (r"\.mid_block\.attentions\.0\.", ".mid.attn_1."),
        (r"\.mid_block\.resnets\.(\d)\.", lambda m: f".mid.block_{int(m[1]) + 1}."),
        (r"\.resnets\.(\d+)\.", r".block.\1."),
        (r"\.downsamplers\.0\.", ".downsample."),
        (r"\.upsamplers\.0\.", ".upsample."),
        (r"\.conv_norm_out\.", ".norm_out."),
        (r"\.conv_shortcut\.", ".nin_shortcut."),
        (r"\.attn_1\.group_norm\.", ".attn_1.norm."),
        (r"\.attn_1\.(?:to_)?([qkv])(?:uery|ey|alue)?\.", r".attn_1.\1."),
        (r"\.attn_1\.(?:to_out\.0|proj_attn)\.", ".attn_1.proj_out."),
    ]
    renamed = {_renamed(name, rules): tensor for name, tensor in tensors.items()}
    # Its attention has matrices where taming has convolutions of one pixel.
    return {
        name: tensor[..., None, None] if ".attn_1." in name and tensor.dim() == 2 else tensor
        for name, tensor in renamed.items()
    }


def _renamed(name: str, rules: list[tuple[str, str | Callable[[re.Match[str]], str]]]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _under(checkpoint: Path, key: str) -> dict[str, Tensor]:
    """Read the tensors under a key of a pickle, or at the top of another file."""
    part: PartOfFile = (key,)
    try:
        return read_checkpoint(checkpoint, part)
    except ModelError:
        return read_checkpoint(checkpoint)


def _with_codes(
    architecture: VQGANConfig, tensors: Mapping[str, Tensor], checkpoint: Path
) -> VQGANConfig:
    """Return the architecture with as many codes as the checkpoint has."""
    codebook = tensors.get(_CODEBOOK)
    if codebook is None or codebook.dim() != 2 or not len(codebook):
        raise ModelError(f"the checkpoint {checkpoint.name} lacks the codebook {_CODEBOOK!r}")
    return replace(architecture, n_embed=len(codebook))


def _write(
    checkpoint: Path, config: VQGANConfig, to: Path, read: Callable[[], Mapping[str, Tensor]]
) -> None:
    convert_module(
        checkpoint, config.to_dict(), to, build=lambda: VQGAN(config), read=lambda _: read()
    )
