"""Train the demo diffusion models: a base of 16 pixels, and an upsampler from these to 64.

They have the architecture of GLIDE (Nichol et al., 2021), with fewer channels, and a tokenizer of
whole words. First the text towers alone learn what captions say, which takes little time because
no picture is looked at; then they stay as they are, because the few captions that the rest is
trained with would make them forget sentences that are worded otherwise. The loss of the rest is
that of Nichol and Dhariwal, 2021: the squared error of the noise, here weighted, and a small share
of the variational bound, whose gradient reaches only the variance. Some captions are dropped, so
that no classifier is needed (Ho and Salimans, 2021).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel
from tqdm import trange

from engine.demo.claims import Claims, describe
from engine.demo.diffusion_losses import DiffusionLosses
from engine.demo.optimizer import Optimizer, rate_factor
from engine.demo.wordings import HELD_OUT_TEMPLATES, TEMPLATES, phrase, plain_prompt
from engine.demo.world import (
    COLORS,
    SHAPES,
    SIDE,
    gathered,
    render,
    sample_single_scenes,
)
from engine.glide.config import TIMESTEPS, TextConfig, UNetConfig
from engine.glide.tokens import WordTokenizer, fit
from engine.glide.unet import UNet
from engine.models.shape_words import KNOWN

LOW_SIDE = 16
"""Side in pixels of the pictures that the base makes."""
WORDS = tuple(sorted(KNOWN))
TEXT = TextConfig(width=64, layers=2, heads=4, context=24, vocabulary=len(WORDS), words=WORDS)
BASE = UNetConfig(
    side=LOW_SIDE,
    channels=32,
    multipliers=(1, 2),
    blocks=1,
    attention_sides=(8,),
    head_channels=32,
    norm_groups=8,
    text=TEXT,
)
UPSAMPLER = UNetConfig(
    side=SIDE,
    low_side=LOW_SIDE,
    channels=16,
    multipliers=(1, 2, 3),
    blocks=1,
    attention_sides=(16,),
    head_channels=16,
    norm_groups=8,
    schedule="linear",
    text=TEXT,
)
PLAIN_SHARE = 0.3
"""Share of captions about all of one object that are one of a few plain sentences."""
DROPPED_SHARE = 0.15
"""Share of captions that are dropped."""
LOW_NOISE = 0.08
"""Maximum standard deviation of the noise on pictures to enlarge, which the base can get wrong."""
BOUND_WEIGHT = 1e-3 * TIMESTEPS
"""Weight of a term of the variational bound, drawn at random from those of all timesteps."""
WORD_BATCH, WORD_RATE = 128, 3e-3
"""Captions per step while the text tower learns what they say, and the learning rate."""
MATRIX_RATE, OTHER_RATE = 0.012, 1.5e-3
"""Learning rates of the blocks' matrices, with Muon, and of all other weights, with AdamW. At 0.02
and 2e-3, the loss after 300 steps was 0.49; with AdamW alone, 0.66."""
WEIGHT_DECAY = 0.01
AVERAGE = 0.997
"""Decay of the moving average of the weights, which is the result."""
CHECKPOINT_EVERY = 50
"""Number of steps between two checkpoints."""


@dataclass(frozen=True)
class Plan:
    """How a model is trained."""

    config: UNetConfig
    steps: int
    batch: int
    spread: float
    """Maximum distance of an object from the typical one, as a share of the world's. What is the
    same in all pictures is learned in fewer steps."""
    timesteps: int = TIMESTEPS
    """Number of timesteps that the model knows, from the least noisy one."""
    word_steps: int = 1200
    """Number of steps in which the text tower learns what captions say."""


PLANS = {
    "glide-base": Plan(BASE, 8000, 32, spread=0.0),
    # It starts from the small picture with noise, so that it need not learn to do without.
    "glide-upsampler": Plan(UPSAMPLER, 1200, 8, spread=0.2, timesteps=400),
}
"""Models by the names of their files."""


def train_diffusion(plan: Plan, seed: int, checkpoint: Path | None = None) -> UNet:
    """Train from random weights, or from what `checkpoint` holds of an interrupted run.

    The result depends on `plan`, `seed` and the machine.
    """
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # torch's initializers know only the global generator
        model = _initialized(UNet(plan.config)).to(memory_format=torch.channels_last)  # pyright: ignore
        if checkpoint is None or not checkpoint.exists():
            teach_words(model, random, plan.word_steps)
    model.requires_grad_(False)
    for part in (model.time_embed, model.input_blocks, model.middle_block, model.output_blocks):
        part.requires_grad_(True)
    model.out.requires_grad_(True)
    optimizer = Optimizer(
        (each for each in model.named_parameters() if each[1].requires_grad),
        matrix_rate=MATRIX_RATE,
        other_rate=OTHER_RATE,
        matrix_decay=WEIGHT_DECAY,
        other_decay=WEIGHT_DECAY,
        betas=(0.9, 0.99),
        is_matrix=_is_of_a_block,
    )
    average = AveragedModel(model, multi_avg_fn=_average)
    parts = {"model": model, "optimizer": optimizer, "average": average}
    first = _resume(parts, random, checkpoint)
    losses = DiffusionLosses(plan.config, plan.timesteps)
    progress = trange(
        first, plan.steps, desc="diffusion", mininterval=10, initial=first, total=plan.steps
    )
    for step in progress:
        noise_loss, bound = losses(model, *_draw(plan, random), random)
        optimizer.zero_grad()
        (noise_loss + BOUND_WEIGHT * bound).backward()
        optimizer.step(rate_factor(step / plan.steps))
        average.update_parameters(model)
        if step % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
            progress.set_postfix(noise=f"{noise_loss.item():.4f}", bound=f"{bound.item():.5f}")
            _save(parts, random, step + 1, checkpoint)
    result: Any = average.module
    return result.eval()


def _is_of_a_block(name: str) -> bool:
    """Return if a parameter belongs to a block.

    The first convolution of all does not: it sees colors.
    """
    blocks = ("input_blocks", "middle_block", "output_blocks")
    return name.startswith(blocks) and name != "input_blocks.0.0.weight"


def teach_words(model: UNet, random: torch.Generator, steps: int) -> float:
    """Train the text tower to tell an object's shape, its color and the background from a caption.

    Returns the share of attributes that are right in the last step.
    """
    sizes = [len(SHAPES) + 1, len(COLORS) + 1, len(COLORS) + 1]  # the first of each: not said
    head = nn.Linear(model.config.embedding_width, sum(sizes))
    parameters = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, WORD_RATE, fused=True)
    right = 0.0
    for step in trange(steps, desc="words", mininterval=10):
        claims = describe(sample_single_scenes(WORD_BATCH, random), random)
        with sdpa_kernel(SDPBackend.MATH):
            vector = model.encode_text(*_tokens(model.config, _captions(claims, random))).vector
        said = (claims.shape[:, 0] + 1, claims.color[:, 0] + 1, claims.background + 1)
        guesses = head(F.silu(vector)).split(sizes, 1)
        pairs = list(zip(guesses, said, strict=True))
        optimizer.zero_grad(set_to_none=True)
        torch.stack([F.cross_entropy(guess, truth) for guess, truth in pairs]).sum().backward()
        optimizer.param_groups[0]["lr"] = WORD_RATE * rate_factor(step / steps)
        optimizer.step()
        right = float(torch.stack([(g.argmax(1) == t).float() for g, t in pairs]).mean())
    return right


def prepare(config: UNetConfig, images: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return what a model should make of pictures (N, 3, 64, 64) in [0, 1], and what it also sees.

    The first is (N, 3, side, side) in [-1, 1]; the second has no channels for the base.
    """
    images = 2 * images - 1
    low = F.avg_pool2d(images, SIDE // LOW_SIDE)
    if config.low_side is None:
        return low, low[:, :0]
    strength = LOW_NOISE * torch.rand(len(low), 1, 1, 1, generator=random)
    low = low + strength * torch.randn(low.shape, generator=random)
    return images, F.interpolate(low, (SIDE, SIDE), mode="bilinear", align_corners=False)


def _draw(plan: Plan, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw pictures, what else the model sees, and the tokens of captions with their mask."""
    scenes = sample_single_scenes(plan.batch, random)
    scenes = gathered(scenes, plan.spread * torch.rand(len(scenes), generator=random))
    captions = _captions(describe(scenes, random), random)
    tokens, present = _tokens(plan.config, captions)
    kept = torch.rand(plan.batch, 1, generator=random) >= DROPPED_SHARE
    images, low = prepare(plan.config, render(scenes), random)
    return images, low, tokens, present & kept


def _captions(claims: Claims, random: torch.Generator) -> list[str]:
    """Put claims into words: those about all of one object often in a plain sentence."""
    captions = phrase(claims, random)
    complete = (claims.shape[:, 0] >= 0) & (claims.color[:, 0] >= 0) & (claims.background >= 0)
    complete &= ~claims.named()[:, 1] & (torch.rand(len(claims), generator=random) < PLAIN_SHARE)
    for row in complete.nonzero()[:, 0].tolist():
        shape, color = SHAPES[claims.shape[row, 0]], COLORS[claims.color[row, 0]]
        templates = len(TEMPLATES) - len(HELD_OUT_TEMPLATES)
        number = int(torch.randint(templates, (1,), generator=random))
        captions[row] = plain_prompt(shape, color, COLORS[claims.background[row]], number)
    return captions


def _tokens(config: UNetConfig, captions: list[str]) -> tuple[Tensor, Tensor]:
    """Return the tokens of captions, and where there are some."""
    tokenizer = WordTokenizer(config.text.words)
    return fit([tokenizer.encode(each) for each in captions], config.text.context)


def _initialized(model: UNet) -> UNet:
    """Let each residual branch and the prediction begin at zero."""
    for name, weights in model.named_parameters():
        if name.endswith("embedding") or name == "token_embedding.weight":
            nn.init.normal_(weights, std=0.1)
        if any(part in name for part in ("out_layers.3", "proj_out", "out.2")):
            nn.init.zeros_(weights)
    return model


def _average(averages: Any, currents: Any, steps: Any) -> None:
    decay = min(AVERAGE, (1 + float(steps)) / (10 + float(steps)))
    lerp: Any = vars(torch)["_foreach_lerp_"]  # type checkers do not know it
    lerp(averages, currents, 1 - decay)


def _resume(parts: dict[str, Any], random: torch.Generator, checkpoint: Path | None) -> int:
    """Restore an interrupted run, and return the number of steps that it took."""
    if checkpoint is None or not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    random.set_state(state["random"])
    return state["step"]


def _save(
    parts: dict[str, Any], random: torch.Generator, step: int, checkpoint: Path | None
) -> None:
    if checkpoint is None:
        return
    state = {name: part.state_dict() for name, part in parts.items()}
    partial = checkpoint.with_suffix(".partial")
    torch.save({**state, "random": random.get_state(), "step": step}, partial)
    partial.replace(checkpoint)
