"""GLIDE as a painter: its models on one device, and how they are loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import ModelError, RecipeError
from engine.glide.clip_config import ClipImageConfig, ClipTextConfig
from engine.glide.config import UNetConfig
from engine.glide.diffusion import Diffusion, even_timesteps, fast27_timesteps
from engine.glide.known import Known, nothing_known
from engine.glide.noisy_clip import ClipImageTower, ClipTextTower, NoisyClip
from engine.glide.run import ClipGradient, GlideRun, Stage
from engine.glide.text import EncodedText
from engine.glide.tokens import Tokenizer, WordTokenizer, fit, read_byte_pairs
from engine.glide.unet import UNet
from engine.models.devices import precision_name
from engine.models.loading import digest, load_module
from engine.models.plain_run import check_recipe
from engine.models.tokenizer import tokenizer_sha256
from engine.recipes.edit import Edit
from engine.recipes.glide_recipe import FAST27, MAX_TIMESTEPS, GlideRecipe
from engine.recipes.kinds import AnyRecipe

BASE, UPSAMPLER = "base", "upsampler"
CLIP_IMAGE, CLIP_TEXT = "clip-image", "clip-text"
VOCABULARY, MERGES = "vocabulary", "merges"
"""What the files are for."""


@dataclass(frozen=True)
class Glide:
    """GLIDE's models, frozen on one device: a `Painter` of `engine.models.painter`."""

    name: str
    """Name of the models, as recipes call them."""
    digests: Mapping[str, str]
    """SHA-256 of each weights file by its name."""
    base: UNet
    upsampler: UNet
    tokenizer: Tokenizer
    clip: NoisyClip | None = None
    """What can guide the base, if its files are there."""
    precision: str = "float32"
    """Name of the precision of the layers that may be lowered."""

    @property
    def device(self) -> torch.device:
        """Device that holds the models and computes the runs."""
        return self.base.device

    def begin(self, recipe: AnyRecipe) -> GlideRun:
        """Begin a run at step 0.

        Raises:
            RecipeError: The recipe is another painter's, or asks for what the models cannot do.
        """
        recipe = self._checked(recipe)
        guided = recipe.guidance == "classifier-free"
        return GlideRun(
            recipe,
            self._stage(self.base, recipe, even_timesteps(recipe.base_steps), guided=guided),
            self._stage(self.upsampler, recipe, _upsampler_timesteps(recipe), guided=False),
            self._gradient(recipe),
        )

    def _checked(self, recipe: AnyRecipe) -> GlideRecipe:
        recipe = check_recipe(recipe, GlideRecipe, self.name, self.upsampler.config.side)
        if recipe.edit is not None and not self.base.config.inpainting:
            raise RecipeError(
                "the models {name} cannot change a picture: choose models of GLIDE for edits",
                name=self.name,
            )
        return recipe

    def _stage(
        self, unet: UNet, recipe: GlideRecipe, timesteps: tuple[int, ...], *, guided: bool
    ) -> Stage:
        return Stage(
            unet,
            Diffusion.over(timesteps, unet.config.schedule),
            self._encode(unet, recipe.prompt, guided=guided),
            self._known(unet.config, recipe.edit),
        )

    @torch.no_grad()
    def _encode(self, unet: UNet, prompt: str, *, guided: bool) -> EncodedText:
        """Encode a prompt, and after it no text if the noise is guided by both."""
        texts = [self.tokenizer.encode(prompt), *([[]] if guided else [])]
        tokens, present = fit(texts, unet.config.text.context)
        return unet.encode_text(tokens.to(self.device), present.to(self.device))

    def _known(self, config: UNetConfig, edit: Edit | None) -> Known | None:
        if not config.inpainting:
            return None
        if edit is None:
            return nothing_known(config.side, self.device)
        return Known.of_edit(edit, config.side, self.device)

    def _gradient(self, recipe: GlideRecipe) -> ClipGradient | None:
        if recipe.guidance != "clip":
            return None
        if self.clip is None:
            raise RecipeError(
                "the models {name} have no CLIP that sees noise: choose classifier-free guidance",
                name=self.name,
            )
        return self.clip.gradient_to(recipe.prompt)


def _upsampler_timesteps(recipe: GlideRecipe) -> tuple[int, ...]:
    steps, timesteps = recipe.upsample_steps, recipe.upsample_from
    if (steps, timesteps) == (FAST27, MAX_TIMESTEPS):
        return fast27_timesteps()
    return even_timesteps(steps, timesteps)


def load_painter(
    name: str, paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype = torch.float32
) -> Glide:
    """Load GLIDE's models.

    Args:
        name: Name of the models, as recipes call them.
        paths: Weights files `BASE` and `UPSAMPLER`; `CLIP_IMAGE` and `CLIP_TEXT` for guidance by
            a CLIP; and for models that read byte pairs the tokenizer's `VOCABULARY` and `MERGES`.
        device: Device of the models.
        dtype: Precision of the layers that may be lowered.

    Raises:
        ModelError: A file is missing, damaged, or contains another model.
    """
    base, upsampler = (load_unet(paths[role], device, dtype) for role in (BASE, UPSAMPLER))
    if (upsampler.config.low_side, base.config.low_side) != (base.config.side, None):
        raise ModelError(
            "the base and the upsampler of the models {name} do not fit together", name=repr(name)
        )
    if base.config.text.words != upsampler.config.text.words:
        raise ModelError(
            "the base and the upsampler of the models {name} read other words", name=repr(name)
        )
    tokenizers = [paths[role] for role in (VOCABULARY, MERGES) if role in paths]
    digests = {path.name: tokenizer_sha256(path) for path in tokenizers}
    weights = [path for path in paths.values() if path not in tokenizers]
    digests |= {path.name: digest(path) for path in weights}
    clip = _load_clip(paths, device, dtype)
    if clip is not None and clip.image.config.side != base.config.side:
        raise ModelError(
            "the CLIP of the models {name} sees pictures of another size", name=repr(name)
        )
    tokenizer = _tokenizer(base.config, paths)
    return Glide(name, digests, base, upsampler, tokenizer, clip, precision_name(dtype))


def load_unet(path: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> UNet:
    """Load the UNet in a weights file. Raises `ModelError` if it is missing or damaged."""
    unet = load_module(path, lambda config: UNet(UNetConfig.from_dict(config)), device, dtype)
    unet.pack_for_inference()
    return unet


def _load_clip(
    paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype
) -> NoisyClip | None:
    if CLIP_IMAGE not in paths or CLIP_TEXT not in paths:
        return None
    return NoisyClip(
        load_module(
            paths[CLIP_IMAGE],
            lambda config: ClipImageTower(ClipImageConfig.from_dict(config)),
            device,
            dtype,
        ),
        load_module(
            paths[CLIP_TEXT],
            lambda config: ClipTextTower(ClipTextConfig.from_dict(config)),
            device,
            dtype,
        ),
    )


def _tokenizer(config: UNetConfig, paths: Mapping[str, Path]) -> Tokenizer:
    if config.text.words:
        return WordTokenizer(config.text.words)
    if VOCABULARY not in paths or MERGES not in paths:
        raise ModelError("the files of GLIDE's tokenizer are missing")
    return read_byte_pairs(paths[VOCABULARY], paths[MERGES], config.text.vocabulary)
