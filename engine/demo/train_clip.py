"""Train the demo CLIP: first the text tower, then the vision tower.

`engine.demo.meaning`, `.language` and `.lessons` define the losses and explain them.

The vision tower is a transformer because that is smooth: through a ReLU, the gradient of a gradient
says nothing about when the unit should be on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import trange

from engine.demo import meaning
from engine.demo.language import language_loss
from engine.demo.lessons import Lessons
from engine.demo.parallel import is_first, rank, share_gradients
from engine.demo.world import SIDE
from engine.models.clip import ClipPerceptor, build_clip
from engine.models.vqgan import VQGAN

CONFIG: dict[str, Any] = {
    "embed_dim": meaning.SIZE,
    "vision_cfg": {
        "image_size": SIDE,
        "patch_size": 8,
        "width": 160,
        "layers": 4,
        "head_width": 32,
    },
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 3},
}
JUDGE_CONFIG: dict[str, Any] = {
    "embed_dim": meaning.SIZE,
    "vision_cfg": {"image_size": SIDE, "width": 16, "layers": [1, 1, 1, 1]},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
"""The judge is a small ResNet, unlike the CLIP that guides. Nothing follows its gradient, so it may
be rough."""
WARM_UP = 0.03
"""Share of a phase in which the learning rate rises; after that it falls along half a cosine."""
WEIGHT_DECAY = 0.02
AVERAGE = 0.995
"""Decay of the moving average of the weights, which is the result of a phase."""
CHECKPOINT_EVERY = 200
"""Number of steps between two calls of `on_checkpoint`."""


@dataclass(frozen=True)
class Phase:
    """A phase of the training, with its own learning rate schedule.

    `language` trains only the text tower. The other fields are for the vision tower, see `Lessons`.
    """

    name: str
    steps: int
    learning_rate: float
    language: bool = False
    guided: bool = False
    chains: bool = False
    attack_radius: float = 1.0
    added_share: float = 0.0
    judging: bool = False


PHASES = (
    Phase("language", steps=1200, learning_rate=2e-3, language=True),
    Phase("recognition", steps=700, learning_rate=2e-3),
    Phase("guidance", steps=900, learning_rate=1.5e-3, guided=True, attack_radius=2.0),
    Phase("chains", steps=2100, learning_rate=1.2e-3, guided=True, chains=True),
    Phase("addition", steps=500, learning_rate=6e-4, guided=True, chains=True, added_share=0.3),
)

JUDGE_PHASES = (
    Phase("language", steps=1000, learning_rate=3e-3, language=True),
    Phase("recognition", steps=700, learning_rate=3e-3),
    Phase("judging", steps=1200, learning_rate=2e-3, judging=True),
)


def train_clip(
    vqgan: VQGAN,
    seed: int,
    phases: Sequence[Phase] = PHASES,
    start: Mapping[str, Tensor] | None = None,
    on_checkpoint: Callable[[nn.Module], None] | None = None,
    config: dict[str, Any] = CONFIG,
) -> nn.Module:
    """Train an open_clip `CLIP` to guide `vqgan`.

    With `run_in_processes` each process trains on its own pictures. `start` are the weights
    to start from, by default new random ones. `on_checkpoint` is called with the current model
    every `CHECKPOINT_EVERY` steps.
    """
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # torch's initializers know only the global generator
        perceptor = ClipPerceptor(*build_clip(config))
    random.manual_seed(seed + 1000 * rank())  # the same weights, but other pictures in each process
    if start is not None:
        perceptor.model.load_state_dict(start)
    with sdpa_kernel(SDPBackend.MATH):  # the only attention with a second derivative
        for phase in phases:
            average = _train_phase(perceptor, vqgan, random, phase, on_checkpoint)
            perceptor.model.load_state_dict(average.state_dict())
    return perceptor.model.eval()


def _train_phase(
    perceptor: ClipPerceptor,
    vqgan: VQGAN,
    random: torch.Generator,
    phase: Phase,
    on_checkpoint: Callable[[nn.Module], None] | None,
) -> nn.Module:
    """Train through `phase` and return the model with averaged weights."""
    model = perceptor.model
    losses = _loss_function(perceptor, vqgan, random, phase)
    parameters = [
        parameter
        for name, parameter in model.named_parameters()
        if name.startswith("visual.") != phase.language and name != "logit_scale"
    ]
    optimizer = torch.optim.AdamW(
        parameters, phase.learning_rate, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, phase.learning_rate, total_steps=phase.steps, pct_start=WARM_UP
    )
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE)
    )
    progress = trange(
        phase.steps, desc=f"CLIP, {phase.name}", mininterval=10, disable=not is_first()
    )
    for step in progress:
        weighted = losses()
        optimizer.zero_grad(set_to_none=True)
        sum(weighted.values(), torch.zeros(())).backward()
        share_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
        if on_checkpoint is not None and step % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
            on_checkpoint(average.module)
        if step % 25 == 0:
            progress.set_postfix({name: f"{loss.item():.3f}" for name, loss in weighted.items()})
    return average.module


def _loss_function(
    perceptor: ClipPerceptor, vqgan: VQGAN, random: torch.Generator, phase: Phase
) -> Callable[[], dict[str, Tensor]]:
    """Return a function that computes the weighted losses of the next step of `phase`."""
    if phase.language:
        return lambda: {"language": language_loss(perceptor, random)}
    lessons = Lessons(
        perceptor,
        vqgan,
        random,
        guided=phase.guided,
        chains=phase.chains,
        attack_radius=phase.attack_radius,
        added_share=phase.added_share,
        judging=phase.judging,
    )
    return lessons.losses
