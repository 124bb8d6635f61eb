"""Files as they are published: the classes, names, shapes and oddities, filled at random."""

import contextlib
import io
import os
import pickle
import sys
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest
import torch
from taming.modules.diffusionmodules.model import Decoder, Encoder
from torch import Tensor, nn

Model = TypeVar("Model", bound=nn.Module)

SMALL = """
model:
  base_learning_rate: 4.5e-06
  target: taming.models.vqgan.VQModel
  params:
    embed_dim: 6
    n_embed: 16
    monitor: val/rec_loss
    ddconfig: {double_z: false, z_channels: 8, resolution: 32, in_channels: 3, out_ch: 3, ch: 32,
               ch_mult: [1, 2], num_res_blocks: 1, attn_resolutions: [16], dropout: 0.0}
    lossconfig:
      target: taming.modules.losses.vqperceptual.DummyLoss
"""
"""As the published configurations, with fewer channels."""

IMAGENET = """
model:
  base_learning_rate: 4.5e-06
  target: taming.models.vqgan.VQModel
  params:
    embed_dim: 256
    n_embed: 16384
    monitor: val/rec_loss
    ddconfig:
      double_z: false
      z_channels: 256
      resolution: 256
      in_channels: 3
      out_ch: 3
      ch: 128
      ch_mult:
      - 1
      - 1
      - 2
      - 2
      - 4
      num_res_blocks: 2
      attn_resolutions:
      - 16
      dropout: 0.0
    lossconfig:
      target: taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator
      params:
        disc_conditional: false
        disc_in_channels: 3
        disc_start: 0
        disc_weight: 0.75
        disc_num_layers: 2
        codebook_weight: 1.0
"""

OPENIMAGES = """
model:
  base_learning_rate: 4.5e-06
  target: taming.models.vqgan.GumbelVQ
  params:
    kl_weight: 1.0e-08
    embed_dim: 256
    n_embed: 8192
    monitor: val/rec_loss
    temperature_scheduler_config:
      target: taming.lr_scheduler.LambdaWarmUpCosineScheduler
      params:
        warm_up_steps: 0
        max_decay_steps: 1000001
        lr_start: 0.9
        lr_max: 0.9
        lr_min: 1.0e-06
    ddconfig:
      double_z: false
      z_channels: 256
      resolution: 256
      in_channels: 3
      out_ch: 3
      ch: 128
      ch_mult:
      - 1
      - 1
      - 2
      - 4
      num_res_blocks: 2
      attn_resolutions:
      - 32
      dropout: 0.0
    lossconfig:
      target: taming.modules.losses.vqperceptual.DummyLoss
"""

FLICKR = """
model:
  base_learning_rate: 4.5e-06
  target: taming.models.cond_transformer.Net2NetTransformer
  params:
    cond_stage_key: segmentation
    transformer_config:
      target: taming.modules.transformer.mingpt.GPT
      params:
        vocab_size: 1024
        block_size: 512
        n_layer: 24
        n_head: 16
        n_embd: 1024
    first_stage_config:
      target: taming.models.vqgan.VQModel
      params:
        embed_dim: 256
        n_embed: 1024
        ddconfig:
          double_z: false
          z_channels: 256
          resolution: 256
          in_channels: 3
          out_ch: 3
          ch: 128
          ch_mult:
          - 1
          - 1
          - 2
          - 2
          - 4
          num_res_blocks: 2
          attn_resolutions:
          - 16
          dropout: 0.0
        lossconfig:
          target: taming.modules.losses.vqperceptual.DummyLoss
    cond_stage_config:
      target: taming.models.vqgan.VQSegmentationModel
      params:
        n_labels: 182
        embed_dim: 256
        n_embed: 1024
        ddconfig: {double_z: false, z_channels: 256, resolution: 256, in_channels: 182,
                   out_ch: 182, ch: 128, ch_mult: [1, 1, 2, 2, 4], num_res_blocks: 2,
                   attn_resolutions: [16], dropout: 0.0}
"""


class VQModel(nn.Module):
    """taming's, as far as it encodes and decodes: `taming/models/vqgan.py` does not import here."""

    def __init__(self, ddconfig: dict[str, Any], n_embed: int, embed_dim: int) -> None:
        super().__init__()
        self.encoder = Encoder(**ddconfig)
        self.decoder = Decoder(**ddconfig)
        self.quantize: Any = nn.Module()
        self.quantize.embedding = nn.Embedding(n_embed, embed_dim)
        self.quant_conv = nn.Conv2d(ddconfig["z_channels"], embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(embed_dim, ddconfig["z_channels"], 1)

    def encode_to_prequant(self, x: Tensor) -> Tensor:
        return self.quant_conv(self.encoder(x))

    def decode(self, quant: Tensor) -> Tensor:
        return self.decoder(self.post_quant_conv(quant))


class GumbelVQ(VQModel):
    """taming's, likewise; its `GumbelQuantize` without the noise that training draws codes with."""

    def __init__(self, ddconfig: dict[str, Any], n_embed: int, embed_dim: int) -> None:
        super().__init__(ddconfig, n_embed, embed_dim)
        self.quantize = nn.Module()
        self.quantize.proj = nn.Conv2d(ddconfig["z_channels"], n_embed, 1)
        self.quantize.embed = nn.Embedding(n_embed, embed_dim)

    def encode(self, x: Tensor) -> Tensor:
        logits = self.quantize.proj(self.encode_to_prequant(x))
        one_hot = nn.functional.one_hot(logits.argmax(1), logits.shape[1])
        one_hot = one_hot.permute(0, 3, 1, 2).float()
        return torch.einsum("b n h w, n d -> b d h w", one_hot, self.quantize.embed.weight)


def vqgan(kind: type[VQModel], ddconfig: dict[str, Any], n_embed: int, embed_dim: int) -> VQModel:
    """One of the above with random numbers."""
    with torch.device("meta"), contextlib.redirect_stdout(io.StringIO()):  # taming prints shapes
        model = kind(ddconfig, n_embed, embed_dim)
    return filled(model).eval().requires_grad_(False)


def filled(module: Model) -> Model:
    """Fill a module of the meta device with numbers whose size its layers keep."""
    random = torch.Generator().manual_seed(0)
    state = {name: _numbers(name, each, random) for name, each in module.state_dict().items()}
    module.load_state_dict(state, assign=True)
    return module


def _numbers(name: str, like: Tensor, random: torch.Generator) -> Tensor:
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    if like.dim() < 2:  # a norm's weight, or a bias
        shift = 1.0 if name.endswith("weight") else 0.0
        return torch.randn(like.shape, generator=random) * 0.1 + shift
    return torch.randn(like.shape, generator=random) / like[0].numel() ** 0.5


def lightning_checkpoint(
    path: Path, state: Mapping[str, Tensor], patch: pytest.MonkeyPatch, **more: Any
) -> None:
    """Write a checkpoint as the trainer did: with optimisers, the loss's networks and callbacks."""
    loss = {
        "loss.discriminator.main.0.weight": torch.zeros(64, 3, 4, 4),
        "loss.perceptual_loss.scaling_layer.shift": torch.zeros(1, 3, 1, 1),
        "loss.perceptual_loss.net.slice1.0.weight": torch.zeros(64, 3, 3, 3),
    }
    callback = _fake_callback(patch)
    adam = {"step": 7, "exp_avg": torch.zeros(4), "exp_avg_sq": torch.zeros(4)}
    content = {
        "epoch": 12,
        "global_step": 4_900,
        "pytorch-lightning_version": "1.0.8",
        "state_dict": {**state, **loss},
        "callbacks": {callback: {"monitor": "val/rec_loss", "best_model_score": torch.zeros(())}},
        "saved_by": callback("val/rec_loss"),
        "optimizer_states": [{"state": {0: adam}, "param_groups": [{"lr": 4.5e-06}]}],
        "lr_schedulers": [],
    }
    torch.save(content | more, path)


def _fake_callback(patch: pytest.MonkeyPatch) -> type:
    """Lightning's class under its real name, for as long as the file is written."""
    name = "pytorch_lightning.callbacks.model_checkpoint"
    parts = name.split(".")
    modules = [ModuleType(".".join(parts[: i + 1])) for i in range(len(parts))]
    for module in modules:
        patch.setitem(sys.modules, module.__name__, module)

    def init(self: Any, monitor: str) -> None:
        self.monitor, self.best_k_models = monitor, {"epoch=12.ckpt": torch.zeros(())}

    made = type("ModelCheckpoint", (), {"__module__": name, "__init__": init})
    patch.setattr(modules[-1], "ModelCheckpoint", made, raising=False)
    return made


class _Holder(nn.Module):
    """A module of no kind, into which others and tensors are put."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def openai_archive(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write a TorchScript archive like OpenAI's: halves but for norms, and facts beside them."""
    root = _Holder()
    for name, tensor in state.items():
        whole = ".ln_" in name or "embedding" in name or tensor.dim() == 0
        _put(root, name, tensor if whole else tensor.half())
    facts = {"input_resolution": 224, "context_length": 77, "vocab_size": 49408}
    for name, value in facts.items():
        root.register_buffer(name, torch.tensor(value))
    _put(root, "transformer.resblocks.0.attn_mask", torch.zeros(77, 77), weight=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have another format
        torch.jit.save(torch.jit.script(root), path)


def _put(root: nn.Module, name: str, tensor: Tensor, *, weight: bool = True) -> None:
    *parents, last = name.split(".")
    for parent in parents:
        if parent not in dict(root.named_children()):
            root.add_module(parent, _Holder())
        root = getattr(root, parent)
    if weight:
        root.register_parameter(last, nn.Parameter(tensor, requires_grad=False))
    else:
        setattr(root, last, tensor)


class Poison:
    """Makes a folder when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def poison(target: Path) -> bytes:
    """Return a pickle that creates the file `target`, after checking that it does."""
    content = pickle.dumps(Poison(target), 2)
    pickle.loads(content)
    target.rmdir()
    return content


def replace_record(path: Path, ending: str, content: bytes) -> None:
    """Write the zip file anew with another content of the record that ends so."""
    kept = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.infolist():
            changed = entry.filename.endswith(ending)
            new.writestr(entry.filename, content if changed else old.read(entry))
