"""Baseline: the step as public VQGAN-CLIP programs take it, to compare the engine with.

Float32, unchanged modules of taming-transformers and open_clip, the full matrix of distances to the
codebook, a loop of crops, kornia's augmentation classes one after the other with torch's global
random numbers, plain Adam, and the loss read back in each step. Nothing is compiled, and all memory
formats are torch's defaults. It shares no code with the engine; weights, settings and loss are the
same.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import open_clip
import torch
from kornia.augmentation import ColorJitter, RandomAffine, RandomHorizontalFlip, RandomPerspective
from open_clip.model import CLIP
from taming.modules.diffusionmodules.model import Decoder, Encoder
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.lib.architectures import PAPER, Architecture
from engine.models.vqgan import VQGANConfig
from engine.recipes.augmentations import Augmentations
from engine.recipes.recipe import Recipe

Cut = Callable[[Tensor], Tensor]
"""Function from a picture (1, 3, H, W) to its cutouts (N, 3, S, S)."""


class PlainVQGAN(nn.Module):
    """A VQGAN of taming's modules, with the key names of published checkpoints."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        shared = {
            "ch": config.ch,
            "out_ch": 3,
            "ch_mult": config.ch_mult,
            "num_res_blocks": config.num_res_blocks,
            "attn_resolutions": config.attn_resolutions,
            "in_channels": 3,
            "resolution": config.resolution,
            "z_channels": config.z_channels,
        }
        with contextlib.redirect_stdout(io.StringIO()):
            self.encoder = Encoder(double_z=False, **shared)
            self.decoder = Decoder(**shared)
        embedding = nn.Embedding(config.n_embed, config.embed_dim)
        self.quantize = nn.ModuleDict({"embedding": embedding})
        self.quant_conv = nn.Conv2d(config.z_channels, config.embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)
        self.factor = 2 ** (len(config.ch_mult) - 1)
        for norm in self.modules():
            if isinstance(norm, nn.GroupNorm):
                norm.num_groups = config.norm_groups  # taming's number, except for demo models

    @property
    def codebook(self) -> Tensor:
        """The codebook (K, C)."""
        return self.get_parameter("quantize.embedding.weight")


@dataclass(frozen=True)
class PlainModels:
    """A frozen VQGAN and CLIP in float32, without any of the engine's changes."""

    vqgan: PlainVQGAN
    clip: CLIP
    tokenizer: Callable[[list[str]], Tensor]
    mean: Sequence[float] = open_clip.OPENAI_DATASET_MEAN
    std: Sequence[float] = open_clip.OPENAI_DATASET_STD

    @property
    def input_size(self) -> int:
        """Side in pixels of the pictures that the CLIP takes."""
        size: Any = self.clip.visual.image_size
        return size[0] if isinstance(size, tuple) else size

    def frozen(self, device: str) -> "PlainModels":
        """Freeze both models on a device, and return self."""
        for each in (self.vqgan, self.clip):
            each.eval().requires_grad_(False).to(device)
        return self


def plain_pair(device: str = "cpu", seed: int = 0, sizes: Architecture = PAPER) -> PlainModels:
    """Build plain modules with the same weights as `benchmarks.lib.architectures.paper_pair`.

    Modules are built in the same order from the same seed, so they draw the same weights.
    """
    config = sizes.perceptor_config()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vqgan = PlainVQGAN(sizes.generator)
        clip = CLIP(**config)
        nn.init.normal_(vqgan.codebook)
    return PlainModels(vqgan, clip, open_clip.SimpleTokenizer()).frozen(device)


class Baseline:
    """A literal run of `recipe`, advanced one `step()` at a time.

    All random numbers come from torch's global generator.

    Args:
        recipe: What to paint.
        models: Plain models.
        latent: Latent to start from, by default random codes.
        cut: Function that takes cutouts instead of its own, to compare runs on the same cutouts.
    """

    def __init__(
        self,
        recipe: Recipe,
        models: PlainModels,
        latent: Tensor | None = None,
        cut: Cut | None = None,
    ) -> None:
        self._recipe = recipe
        self._models = models
        self._cut = cut or self._own_cutouts
        self._augment = augmentation_classes(recipe.augmentations)
        codebook = models.vqgan.codebook
        if latent is None:
            rows, columns = (side // models.vqgan.factor for side in (recipe.height, recipe.width))
            codes = torch.randint(len(codebook), (rows * columns,), device=codebook.device)
            latent = codebook[codes].view(1, rows, columns, -1).permute(0, 3, 1, 2)
        self.latent = latent.detach().clone().contiguous().requires_grad_()
        self._optimizer = torch.optim.Adam([self.latent], lr=recipe.learning_rate)
        self._mean = torch.tensor(models.mean, device=codebook.device).view(1, 3, 1, 1)
        self._std = torch.tensor(models.std, device=codebook.device).view(1, 3, 1, 1)
        with torch.no_grad():
            tokens = models.tokenizer([p.text for p in recipe.prompts]).to(codebook.device)
            self._targets = F.normalize(models.clip.encode_text(tokens), dim=-1)
        total = sum(prompt.weight for prompt in recipe.prompts)
        self._weights = [prompt.weight / total for prompt in recipe.prompts]
        self.steps_done = 0

    def step(self) -> float:
        """Take one step and return the loss before it."""
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._loss()
        loss.backward()
        value = loss.item()
        self._optimizer.step()
        self.steps_done += 1
        return value

    def _loss(self) -> Tensor:
        vqgan, recipe = self._models.vqgan, self._recipe
        cells = self.latent.movedim(1, 3)
        quantized = quantize(cells, vqgan.codebook).movedim(3, 1)
        decoded = vqgan.decoder(vqgan.post_quant_conv(quantized))
        image = clamp(decoded.add(1).div(2))
        cutouts = self._cut(image)
        seen = self._models.clip.encode_image((cutouts - self._mean) / self._std)
        seen = F.normalize(seen, dim=-1)
        losses = []
        for target, weight in zip(self._targets, self._weights, strict=True):
            distances = (seen - target).norm(dim=-1).div(2).arcsin().pow(2).mul(2)
            losses.append(weight * distances.mean())
        alpha = recipe.regularizer * (1 - recipe.regularizer_decay) ** self.steps_done
        losses.append(alpha * self.latent.pow(2).mean())
        return torch.stack(losses).sum()

    def _own_cutouts(self, image: Tensor) -> Tensor:
        augmentations = self._recipe.augmentations
        size = self._models.input_size
        crops = random_crops(image, self._recipe.cutouts, size, augmentations)
        return with_noise(self._augment(crops), augmentations.noise)


def random_crops(image: Tensor, count: int, size: int, augmentations: Augmentations) -> Tensor:
    """Take square crops of `image` (1, 3, H, W) one after the other: (count, 3, size, size).

    Public programs resize them in different ways: by pooling, or by a Lanczos filter and bicubic
    interpolation. This way is no slower and does not alias either.
    """
    height, width = image.shape[2:]
    low, high = (s * min(height, width) for s in (augmentations.crop_min, augmentations.crop_max))
    crops = []
    for _ in range(count):
        side = int(torch.rand(()) * (high - low) + low)
        left = int(torch.randint(0, width - side + 1, ()))
        top = int(torch.randint(0, height - side + 1, ()))
        crop = image[:, :, top : top + side, left : left + side]
        crops.append(F.interpolate(crop, (size, size), mode="bilinear", antialias=True))
    return torch.cat(crops)


def augmentation_classes(augmentations: Augmentations) -> nn.Sequential:
    """Return kornia's augmentation classes, each of which processes all cutouts again."""
    shift = augmentations.translate
    return nn.Sequential(
        RandomHorizontalFlip(p=augmentations.flip),
        RandomAffine(
            degrees=augmentations.degrees,
            translate=(shift, shift),
            padding_mode="border",
            p=augmentations.affine,
        ),
        RandomPerspective(augmentations.distortion, p=augmentations.perspective),
        ColorJitter(
            brightness=augmentations.brightness,
            saturation=augmentations.saturation,
            hue=augmentations.hue,
            p=augmentations.jitter,
        ),
    )


def with_noise(cutouts: Tensor, strongest: float) -> Tensor:
    """Add Gaussian noise to `cutouts` (N, 3, S, S), with a random strength for each."""
    strengths = cutouts.new_empty((len(cutouts), 1, 1, 1)).uniform_(0, strongest)
    return cutouts + strengths * torch.randn_like(cutouts)


def quantize(cells: Tensor, codebook: Tensor) -> Tensor:
    """Map `cells` (1, H, W, C) to the nearest of `codebook` (K, C), and pass the gradient."""
    distances = cells.pow(2).sum(-1, keepdim=True) + codebook.pow(2).sum(1) - 2 * cells @ codebook.T
    chosen = F.one_hot(distances.argmin(-1), len(codebook)).to(cells.dtype)
    return _InPlaceOf.apply(chosen @ codebook, cells)  # pyright: ignore[reportReturnType]


def clamp(image: Tensor) -> Tensor:
    """Clamp `image` to [0, 1], but pass gradients that would pull values back into the range."""
    return _Clamp.apply(image)  # pyright: ignore[reportReturnType]


class _InPlaceOf(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor, _other: Tensor) -> Tensor:  # pyright: ignore  # noqa: ARG004
        return values

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[None, Tensor]:  # pyright: ignore  # noqa: ARG004
        return None, grad


class _Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:  # pyright: ignore
        ctx.save_for_backward(values)
        return values.clamp(0, 1)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:  # pyright: ignore
        (values,) = ctx.saved_tensors
        outside = values - values.clamp(0, 1)
        return grad * (grad * outside >= 0)
