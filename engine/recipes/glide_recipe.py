"""A recipe of GLIDE (Nichol et al., 2021): diffusion guided by words, in two stages.

Defaults are those of the published notebooks. No torch in here.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from engine.recipes.checks import check_number, check_one_of, check_whole
from engine.recipes.plain_recipe import PlainRecipe, check_plain
from engine.recipes.prompts import Prompt

Guidance = Literal["classifier-free", "clip"]
FAST27 = 27
"""Number of steps of the upsampler as published, whose timesteps are not evenly spaced."""
MAX_TIMESTEPS = 1000
"""Number of timesteps of the diffusion; a run takes some of them."""


@dataclass(frozen=True, kw_only=True)
class GlideRecipe(PlainRecipe):
    """Everything that determines a picture of GLIDE.

    Raises:
        RecipeError: A value is not allowed.
    """

    painter: ClassVar[str] = "glide"
    shown_name: ClassVar[str] = "GLIDE"

    prompt: str
    """What the picture should show, as one sentence."""
    guidance: Guidance = "classifier-free"
    """What leads to the words: the model with and without them, or a CLIP that sees noise."""
    guidance_scale: float = 3.0
    """How strongly it leads."""
    base_steps: int = 100
    """Number of steps of the small picture (DDPM)."""
    upsample_steps: int = FAST27
    """Number of steps that enlarge it (DDIM); `FAST27` are spaced as published, others evenly."""
    upsample_from: int = MAX_TIMESTEPS
    """Number of timesteps through which the upsampler goes. With all of them it starts from noise
    alone, as published; with fewer, from the small picture with that much noise (as Meng et al.,
    2021, start from a sketch), whose colors it then keeps."""
    temperature: float = 0.997
    """Standard deviation of the first noise of the upsampler."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_plain("prompt", self.prompt)
        check_one_of("guidance", self.guidance, get_args(Guidance))
        check_number("guidance_scale", self.guidance_scale, 0, 100)
        check_whole("base_steps", self.base_steps, 1, MAX_TIMESTEPS)
        check_whole("upsample_from", self.upsample_from, 1, MAX_TIMESTEPS)
        check_whole("upsample_steps", self.upsample_steps, 1, self.upsample_from)
        check_number("temperature", self.temperature, 0, 2)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The sentence, as a prompt of the weight 1."""
        return (Prompt(self.prompt),)

    @property
    def steps(self) -> int:
        """Number of denoising steps of both stages."""
        return self.base_steps + self.upsample_steps

    @property
    def total_steps(self) -> int:
        """Number of steps of the run."""
        return self.steps
