"""Load models: an image generator and its perceptors, frozen and shared by all runs.

Weights are read from safetensors only, so no file can run code. The file is mapped into memory and
the architecture is built on the meta device, so weights in float32 and in the memory format of
convolutions are never copied. `engine.models.catalogue` lists the files of each pair, and
`engine.conversion` makes them from published weights.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models import clip
from engine.models.catalogue import find_models
from engine.models.devices import (
    choose_device,
    choose_onednn_products,
    choose_precision,
    precision_name,
)
from engine.models.generators import as_generator, build_network
from engine.models.judge import Judge
from engine.models.mapped_weights import release
from engine.models.model_entry import ModelEntry
from engine.models.protocols import Generator, Perceptor
from engine.models.tensors import is_finite
from engine.models.vqgan import VQGAN, VQGANConfig

CONFIG_KEY = "config"
"""Key of a weights file's metadata whose value is the architecture as JSON."""
ORDER_KEY, CHANNELS_LAST = "order", "NHWC"
"""Key and value in that JSON for tensors of four axes stored with channels last, in memory and in
shape, as the models use them. Without the key they have torch's order."""
SOURCE_KEY = "source"
"""Key in that JSON for the published file that the weights were converted from, with its
`sha256`."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Models:
    """A generator and one or more perceptors on one device."""

    name: str
    generator: Generator
    perceptors: tuple[Perceptor, ...]
    digests: Mapping[str, str]
    """SHA-256 by name of each weights file: that of the published file it was converted from, which
    is the same everywhere, or else its own. Tokenizer files have entries too."""
    weights: tuple[float, ...] = ()
    """Weight of each perceptor in the loss; empty for equal weights."""
    precision: str = "float32"
    """Name of the precision of decoder and image towers."""
    judge_file: Path | None = None
    """Weights of a perceptor that takes no part in painting; None if there is none."""
    knows_crops: bool = True
    """False if the perceptors know whole pictures only, and no part of one that is enlarged."""

    @cached_property
    def judge(self) -> Judge:
        """What ranks finished pictures, loaded when it is needed first: the guides without one.

        It always computes in float32. Raises `ModelError` if its file is missing or damaged.
        """
        if self.judge_file is None:
            return Judge(self.name, self.perceptors, self.shares, self.device, is_guide=True)
        perceptor = load_clip(self.judge_file, self.device)
        return Judge(self.judge_file.stem, (perceptor,), (1.0,), self.device, is_guide=False)

    @cached_property
    def judge_digest(self) -> str:
        """A SHA-256 of what compares pictures: that of the judge's weights, or of all guides'."""
        if self.judge_file is not None:
            return digest(self.judge_file)
        names = sorted(f"{name} {each}" for name, each in self.digests.items())
        return hashlib.sha256("\n".join(names).encode()).hexdigest()

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of each perceptor in the loss, in sum 1 (paper, Section 2.5)."""
        weights = self.weights or (1.0,) * len(self.perceptors)
        return tuple(weight / sum(weights) for weight in weights)

    @property
    def device(self) -> torch.device:
        """Device that holds the models and computes the runs."""
        return self.generator.device


def load_models(name: str = "demo", device: str = "auto", precision: str = "auto") -> Models:
    """Load a pair of models by its name in the catalogue.

    `device` is "auto", "cpu", "cuda", "mps" or another device name of torch. `precision` is that of
    decoder and image towers, as for `engine.models.devices.choose_precision`.

    Raises:
        ModelError: The name or device is unknown, or weights are missing or do not fit.
    """
    entry = find_models(name)
    target = choose_device(device)
    dtype = choose_precision(precision, target, gains=entry.halves, cache=entry.cache)
    generator = load_generator(entry.generator, target, dtype)
    perceptors = tuple(load_clip(path, target, dtype) for path in entry.perceptors)
    if choose_onednn_products(target, dtype, gains=entry.halves, cache=entry.cache):
        for perceptor in perceptors:
            perceptor.multiply_by_onednn()
    if generator.multiple != entry.factor:
        raise ModelError(
            f"the models {name!r} have {generator.multiple} pixels per latent cell, but their "
            f"entry says {entry.factor}: correct the factor"
        )
    return Models(
        name,
        generator,
        perceptors,
        _digests(entry),
        entry.weights,
        precision_name(dtype),
        entry.judge,
        entry.knows_crops,
    )


def load_generator(
    path: Path, device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> Generator:
    """Load the generator in a weights file, of whatever kind, by default onto the CPU.

    Raises:
        ModelError: The file is missing or damaged, or its kind is unknown.
    """
    return as_generator(load_module(path, build_network, device, dtype))


def load_vqgan(
    path: Path, device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> VQGAN:
    """Load the VQGAN in a weights file, by default onto the CPU.

    Raises:
        ModelError: The file is missing, damaged, or contains another model.
    """
    return load_module(path, lambda config: VQGAN(VQGANConfig.from_dict(config)), device, dtype)


def load_module(
    path: Path,
    build: Callable[[dict[str, Any]], Module],
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Module:
    """Load the module in a weights file, frozen, by default onto the CPU.

    Args:
        path: The weights file.
        build: Builds the module from the architecture in the file, which is not trusted. It has a
            method `freeze_for_inference(dtype)`.
        device: Device of the weights.
        dtype: Precision of the layers that may be lowered.

    Raises:
        ModelError: The file is missing, damaged, or contains another model.
    """
    with naming_file(path):
        config, tensors = _read(path)
        with torch.device("meta"):
            module = build(config)
        _assign_weights(module, tensors)
    _freeze(module, device, dtype)
    release(tensors.values())
    return module


def load_clip(
    path: Path, device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> clip.ClipPerceptor:
    """Load the CLIP in a weights file, by default onto the CPU.

    If its tokenizer is a file, it is read from `tokenizer_path`.

    Raises:
        ModelError: A file is missing, damaged, or contains another model.
    """
    with naming_file(path):
        config, tensors = _read(path)
        with torch.device("meta"):
            model, tokenizer = clip.build_clip(config, tokenizer_path(path))
        clip.rebuild_causal_mask(model)
        _assign_weights(model, tensors)
        perceptor = clip.ClipPerceptor(model, tokenizer, *clip.normalization(config))
    _freeze(perceptor, device, dtype)
    release(tensors.values())
    perceptor.release_between_prompts()
    return perceptor


def tokenizer_path(weights: Path) -> Path:
    """Return the path of a perceptor's tokenizer file, which lies beside its weights."""
    return weights.with_suffix(".tokenizer.json")


def read_config(path: Path) -> dict[str, Any]:
    """Return the architecture in a weights file; an invalid file can raise any exception."""
    with safetensors.safe_open(path, framework="pt") as file:
        config = json.loads((file.metadata() or {})[CONFIG_KEY])
    if not isinstance(config, dict):
        raise TypeError("the metadata is not a JSON object")
    return config


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a weights file in float32, to train them further.

    Raises:
        ModelError: The file is missing or damaged.
    """
    with naming_file(path):
        return _read(path)[1]


def save_weights(module: nn.Module, config: Mapping[str, Any], path: Path) -> None:
    """Write a module's weights in half precision, with its architecture as metadata."""
    from safetensors.torch import save_file

    tensors = {k: v.half() if v.is_floating_point() else v for k, v in module.state_dict().items()}
    tensors = {k: v.contiguous() for k, v in tensors.items()}
    save_file(tensors, path, metadata={CONFIG_KEY: json.dumps(config)})


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Convert exceptions of the block to a `ModelError` that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise ModelError(f"the weights {path.name} are missing") from error
    except ModelError:
        raise
    except Exception as error:
        # An architecture from an untrusted file can fail in any way.
        raise ModelError(f"the weights {path.name} are damaged or of another model") from error


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the architecture in a weights file and its tensors in float32, mapped into memory."""
    config = read_config(path)
    config.pop(SOURCE_KEY, None)
    channels_last = config.pop(ORDER_KEY, None) == CHANNELS_LAST
    with safetensors.safe_open(path, framework="pt") as file:
        tensors = {key: _to_float32(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
    _check_finite(tensors, path)
    if channels_last:
        tensors = {k: t.permute(0, 3, 1, 2) if t.dim() == 4 else t for k, t in tensors.items()}
    return config, tensors


def _check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise `ModelError` for values with which every picture would diverge."""
    for key, tensor in tensors.items():
        if not is_finite(tensor):
            raise ModelError(
                f"the weights {path.name} contain values that are not finite numbers, in {key!r}: "
                "remove the file, so that it is made again, or take other weights"
            )


def _assign_weights(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Assign tensors to a module that was built on the meta device, without copying them."""
    module.load_state_dict(tensors, assign=True)
    if any(tensor.is_meta for tensor in chain(module.parameters(), module.buffers())):
        raise ValueError("the architecture has tensors that are not in the file")


def _freeze(module: Any, device: torch.device | None, dtype: torch.dtype) -> None:
    """Freeze a module on a device, in the memory format that convolutions prefer."""
    module.to(device or torch.device("cpu")).to(memory_format=torch.channels_last)
    module.freeze_for_inference(dtype)


def _to_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _digests(entry: ModelEntry) -> dict[str, str]:
    paths = (entry.generator, *entry.perceptors)
    digests = {path.name: digest(path) for path in paths}
    tokenizers = {path: clip.tokenizer_hash(read_config(path)) for path in entry.perceptors}
    return digests | {tokenizer_path(path).name: each for path, each in tokenizers.items() if each}


def digest(path: Path) -> str:
    """Return the SHA-256 of the published file that a weights file was made from, or its own."""
    source = read_config(path).get(SOURCE_KEY)
    stated = source.get("sha256") if isinstance(source, dict) else None
    if isinstance(stated, str) and _SHA256.fullmatch(stated):
        return stated
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
