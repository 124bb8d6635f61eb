"""Loaded models: an image generator and its perceptors, frozen, shared by all runs.

Weights are read from safetensors only, so that no file can run code. Which files make up which
pair is in `engine.catalogue`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor, nn

from engine.catalogue import ModelEntry, find_models
from engine.clip import ClipPerceptor, build_clip
from engine.devices import choose_device
from engine.errors import ModelError
from engine.protocols import ImageGenerator, Perceptor
from engine.vqgan import VQGAN, VQGANConfig

CONFIG_KEY = "config"
"""Key of a weights file's metadata that holds the architecture as JSON."""


@dataclass(frozen=True)
class Models:
    """A generator and one or more perceptors on one device."""

    name: str
    generator: ImageGenerator
    perceptors: tuple[Perceptor, ...]
    digests: Mapping[str, str]
    """SHA-256 of each weights file, by the file's name."""
    weights: tuple[float, ...] = ()
    """How much each perceptor counts beside the others; empty if all count the same."""

    @property
    def shares(self) -> tuple[float, ...]:
        """What each perceptor contributes to the loss; together 1 (paper, Section 2.5)."""
        weights = self.weights or (1.0,) * len(self.perceptors)
        return tuple(weight / sum(weights) for weight in weights)

    @property
    def device(self) -> torch.device:
        """Where the models lie and runs take place."""
        return self.generator.device


def load_models(name: str = "demo", device: str = "auto") -> Models:
    """Load a pair of models by its name in the catalogue.

    Args:
        name: see `engine.catalogue`.
        device: "auto", "cpu", "cuda", "mps" or any other name that torch knows.

    Raises:
        ModelError: an unknown name or device, or weights that are missing or do not fit.
    """
    entry = find_models(name)
    target = choose_device(device)
    generator = load_vqgan(entry.generator, target)
    perceptors = tuple(load_clip(path, target) for path in entry.perceptors)
    return Models(name, generator, perceptors, _digests(entry))


def load_vqgan(path: Path, device: torch.device | None = None) -> VQGAN:
    """The VQGAN in a weights file, on the CPU unless said otherwise; raises `ModelError`."""
    return _freeze(_load(path, _build_vqgan), device or torch.device("cpu"))


def load_clip(path: Path, device: torch.device | None = None) -> ClipPerceptor:
    """The CLIP in a weights file, on the CPU unless said otherwise; raises `ModelError`."""
    return _freeze(_load(path, _build_perceptor), device or torch.device("cpu"))


def save_weights(module: nn.Module, config: Mapping[str, Any], path: Path) -> None:
    """Write a module's weights in half precision, its architecture as metadata."""
    from safetensors.torch import save_file

    tensors = {k: v.half() if v.is_floating_point() else v for k, v in module.state_dict().items()}
    tensors = {k: v.contiguous() for k, v in tensors.items()}
    save_file(tensors, path, metadata={CONFIG_KEY: json.dumps(config)})


def _load(path: Path, build: Callable[[dict[str, Any]], tuple[nn.Module, nn.Module]]) -> nn.Module:
    """Build the architecture that the file names and fill it with the file's weights."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            config = json.loads((file.metadata() or {})[CONFIG_KEY])
            tensors = {key: _widen(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
        with torch.random.fork_rng(devices=[]):  # weights are drawn before they are loaded
            module, holder = build(config)
        holder.load_state_dict(tensors)
    except FileNotFoundError as error:
        raise ModelError(f"the weights {path.name} are missing") from error
    except Exception as error:
        # An architecture out of a file of unknown origin can fail in nearly any way.
        raise ModelError(f"the weights {path.name} are damaged or of another model") from error
    return module


def _build_vqgan(config: dict[str, Any]) -> tuple[nn.Module, nn.Module]:
    vqgan = VQGAN(VQGANConfig.from_dict(config))
    return vqgan, vqgan


def _build_perceptor(config: dict[str, Any]) -> tuple[nn.Module, nn.Module]:
    model, tokenizer = build_clip(config)
    return ClipPerceptor(model, tokenizer), model


def _freeze(module: nn.Module, device: torch.device) -> Any:
    """Put a module into service: no gradient of its weights is ever asked for."""
    module = module.eval().requires_grad_(False).to(device)
    return module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _widen(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _digests(entry: ModelEntry) -> dict[str, str]:
    files = (entry.generator, *entry.perceptors)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
