"""Train the scene CLIP: first the text tower, then the vision tower in several phases."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.demo.optimizer import MATRIX_FACTOR, Optimizer, rate_factor
from engine.demo.parallel import rank, share_gradients
from engine.demo.scene_models.cutting import SIDE
from engine.demo.scene_models.language import language_loss
from engine.demo.scene_models.lessons import Lessons
from engine.demo.scene_models.meaning import SIZE, Meanings
from engine.demo.scene_models.pictures import DrawnScenes
from engine.models.clip import ClipPerceptor, build_clip
from engine.models.vqgan import VQGAN

CONFIG: dict[str, Any] = {
    "embed_dim": SIZE,
    "vision_cfg": {
        "convolutional": {
            "image_size": SIDE,
            "patch": 4,
            "widths": [64, 96, 128, 160],
            "blocks": [2, 2, 2, 1],
            "placed": [6, 14, 36, 96],
        }
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "token_width": 48,
        "width": 192,
        "heads": 6,
        "layers": 3,
    },
}
AVERAGE = 0.995


@dataclass(frozen=True)
class Phase:
    """A phase of the training, with its own learning rate schedule."""

    name: str
    steps: int
    learning_rate: float
    language: bool = False
    guided: bool = False
    chains: bool = False
    added_share: float = 0.0


PHASES = (
    Phase("language", steps=1000, learning_rate=2e-3, language=True),
    Phase("recognition", steps=300, learning_rate=2e-3),
    Phase("guidance", steps=900, learning_rate=2e-3, guided=True),
    Phase("chains", 2200, learning_rate=1.5e-3, guided=True, chains=True, added_share=0.1),
)


class ClipLesson:
    """One phase of the training of a CLIP."""

    def __init__(
        self,
        phase: Phase,
        scenes: DrawnScenes,
        vqgan: VQGAN | None,
        seed: int,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.steps, self._phase, self._seed = phase.steps, phase, seed
        self._scenes, self._meanings = scenes, Meanings()
        with torch.random.fork_rng():
            torch.manual_seed(seed)  # torch's initializers know only the global generator
            self.perceptor = ClipPerceptor(*build_clip(CONFIG))
        model = self.perceptor.model
        if start is not None:
            model.load_state_dict(start)
        trained = (
            (name, parameter)
            for name, parameter in model.named_parameters()
            if name.startswith("visual.") != phase.language and name != "logit_scale"
        )
        self._optimizer = Optimizer(
            trained, matrix_rate=MATRIX_FACTOR * phase.learning_rate, other_rate=phase.learning_rate
        )
        self.average = torch.optim.swa_utils.AveragedModel(
            model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE)
        )
        self.lessons: Lessons | None = None
        if not phase.language:
            self.lessons = Lessons(
                self.perceptor,
                scenes,
                self._random(0),
                vqgan if phase.guided else None,
                chains=phase.chains,
                added_share=phase.added_share,
            )

    def step(self, number: int) -> dict[str, float]:
        """Take one step; its random numbers depend on seed, process and `number` only."""
        random = self._random(number + 1)
        if self.lessons is None:
            loss = language_loss(self.perceptor, self._scenes, self._meanings, random)
            weighted = {"language": loss}
        else:
            weighted = self.lessons.losses(random)
        self._optimizer.zero_grad()
        sum(weighted.values(), torch.zeros(())).backward()
        share_gradients(self._optimizer.parameters)
        self._optimizer.step(rate_factor(number / self.steps))
        self.average.update_parameters(self.perceptor.model)
        shown = {name: loss.item() for name, loss in weighted.items()}
        return shown | (self.lessons.lead if self.lessons else {})

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes."""
        chains = self.lessons.chains if self.lessons else None
        return {
            "model": self.perceptor.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "chains": chains.state_dict() if chains else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.perceptor.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self.lessons is not None and self.lessons.chains is not None:
            self.lessons.chains.load_state_dict(state["chains"])

    def _random(self, number: int) -> torch.Generator:
        mixed = self._seed + 7919 * number + 104_729 * rank()
        return torch.Generator().manual_seed(mixed)
