"""Train the demo transformer: a tiny minDALL-E over the codes of the demo VQGAN.

The VQGAN's encoder costs more than the transformer, so each step encodes only a few new pictures;
the rest of its batch are pictures of earlier steps with new captions. The loss is the cross-entropy
of the codes, given the caption and the codes before them (Kim et al., 2021).
"""

from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from engine.demo import wordings
from engine.demo.claims import describe
from engine.demo.optimizer import Optimizer, rate_factor
from engine.demo.world import COLORS, SHAPES, Scenes, render, sample_scenes
from engine.mindalle.tokens import FIRST_WORD, UNKNOWN, WordTokenizer, split_words
from engine.mindalle.transformer import CodeTransformer, TransformerConfig
from engine.models.codebook import nearest_codes
from engine.models.vqgan import VQGAN
from engine.recipes.mindalle_recipe import ROWS

WIDTH, LAYERS, HEADS = 128, 4, 4
TEXT_LENGTH = 20
"""Number of words of a caption that the transformer reads; hardly any has more."""
STEPS = 6000
BATCH = 16
NEW = 8
"""Number of new pictures in each batch."""
MATRIX_RATE, OTHER_RATE = 0.02, 3e-3
"""Learning rates of the blocks' matrices, with Muon, and of all other weights, with AdamW. Muon
needs about half as many steps (Jordan et al., 2024)."""
WEIGHT_DECAY = 0.02
AVERAGE, AVERAGE_EVERY = 0.98, 5
"""Decay of the moving average of the weights, which is the result, and steps between two terms."""
UNKNOWN_SHARE = 0.03
"""Share of words that are hidden, so that the transformer learns to ignore unknown words."""
CHECKPOINT_EVERY = 100
_CAPTIONS = 20_000
"""Number of captions from which the vocabulary is taken."""


class Training:
    """A training in progress, which can be saved and resumed."""

    def __init__(self, vqgan: VQGAN, seed: int, steps: int = STEPS) -> None:
        """Begin with random weights."""
        self._vqgan = vqgan
        self._steps = steps
        self._random = torch.Generator().manual_seed(seed)
        self._config = demo_config(vqgan.config.n_embed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)  # torch's initializers know only the global generator
            self._model = CodeTransformer(self._config)
            _initialize(self._model)
        self._tokenizer = WordTokenizer(self._config.words, TEXT_LENGTH)
        self._optimizer = Optimizer(
            self._model.named_parameters(),
            matrix_rate=MATRIX_RATE,
            other_rate=OTHER_RATE,
            matrix_decay=WEIGHT_DECAY,
            other_decay=0,
            is_matrix=lambda name: name.startswith("blocks."),
        )
        self._average = torch.optim.swa_utils.AveragedModel(
            self._model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE)
        )
        self._scenes = sample_scenes(0, self._random)
        self._codes = torch.empty(0, ROWS * ROWS, dtype=torch.int16)
        self.steps_done = 0
        self.losses: list[float] = []
        """Loss of each step, in nats per code."""

    @property
    def model(self) -> CodeTransformer:
        """The transformer with averaged weights."""
        average: Any = self._average.module
        return average

    def step(self) -> None:
        """Train on one batch."""
        scenes, codes = self._batch()
        captions = wordings.phrase(describe(scenes, self._random), self._random)
        tokens = torch.cat([self._tokenizer(caption) for caption in captions])
        hidden = torch.rand(tokens.shape, generator=self._random) < UNKNOWN_SHARE
        tokens = tokens.masked_fill(hidden & (tokens >= FIRST_WORD), UNKNOWN)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self._model(tokens, codes[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), codes.flatten())
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step(rate_factor(self.steps_done / self._steps))
        self.steps_done += 1
        if self.steps_done % AVERAGE_EVERY == 0:
            self._average.update_parameters(self._model)
        self.losses.append(loss.item())

    def state_dict(self) -> dict[str, Any]:
        """Return everything that changes, as tensors and numbers."""
        return {
            "model": self._model.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "random": self._random.get_state(),
            "scenes": vars(self._scenes),
            "codes": self._codes,
            "losses": self.losses,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the `state_dict` of a training with the same number of steps."""
        self._model.load_state_dict(state["model"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._random.set_state(state["random"])
        self._scenes, self._codes = Scenes(**state["scenes"]), state["codes"]
        self.losses = state["losses"]
        self.steps_done = len(self.losses)

    def _batch(self) -> tuple[Scenes, Tensor]:
        """Return the scenes of a batch, new ones first, and their codes (BATCH, 256)."""
        old = torch.randint(max(len(self._codes), 1), (BATCH - NEW,), generator=self._random)
        old = old[: len(self._codes)]
        scenes = sample_scenes(NEW, self._random)
        codes = encode(self._vqgan, scenes)
        batch = scenes.followed_by(self._scenes[old]), torch.cat((codes, self._codes[old].long()))
        self._scenes = self._scenes.followed_by(scenes)
        self._codes = torch.cat((self._codes, codes.to(torch.int16)))
        return batch


def train_transformer(
    vqgan: VQGAN, seed: int, checkpoint: Path | None = None, steps: int = STEPS
) -> CodeTransformer:
    """Train from random weights, or from where the file `checkpoint` is, which is kept current.

    The result depends on `seed`, `steps` and the machine.
    """
    training = Training(vqgan, seed, steps)
    if checkpoint is not None and checkpoint.exists():
        training.load_state_dict(torch.load(checkpoint, weights_only=True))
    progress = tqdm(total=steps, initial=training.steps_done, desc="transformer", mininterval=10)
    while training.steps_done < steps:
        training.step()
        progress.update()
        if training.steps_done % CHECKPOINT_EVERY == 0:
            recent = training.losses[-CHECKPOINT_EVERY:]
            progress.set_postfix(loss=f"{sum(recent) / len(recent):.4f}")
            if checkpoint is not None:
                _save(training.state_dict(), checkpoint)
    return training.model.eval()


def demo_config(codes: int) -> TransformerConfig:
    """Return the architecture for a codebook of `codes` entries, with the captions' words."""
    words = vocabulary()
    return TransformerConfig(
        tokens=FIRST_WORD + len(words),
        text_length=TEXT_LENGTH,
        codes=codes,
        width=WIDTH,
        layers=LAYERS,
        heads=HEADS,
        words=words,
    )


def vocabulary() -> tuple[str, ...]:
    """Return all words of captions and of the templates that models are measured with."""
    random = torch.Generator().manual_seed(0)
    captions = wordings.phrase(describe(sample_scenes(_CAPTIONS, random), random), random)
    names = (*COLORS, *SHAPES)
    templates = (each.format(color="", shape="", background="") for each in wordings.TEMPLATES)
    words = {word for text in chain(captions, templates, names) for word in split_words(text)}
    return tuple(sorted(words))


@torch.no_grad()
def encode(vqgan: VQGAN, scenes: Scenes) -> Tensor:
    """Return the codes (N, 256) of the drawn scenes, row by row."""
    pictures = render(scenes).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        latents = vqgan.encode(pictures)
    return nearest_codes(latents.float(), vqgan.codebook).flatten(1)


def _initialize(model: CodeTransformer) -> None:
    """Draw random weights, with positions that begin as sums of a row and a column.

    The blocks add nothing at first.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Linear) and name.endswith(("attn.proj", "mlp.2")):
            nn.init.zeros_(module.weight)
    row, column = (0.02 * torch.randn(ROWS, WIDTH) for _ in range(2))
    model.pos_emb_img.weight.data = (row[:, None] + column).flatten(0, 1)


def _save(state: dict[str, Any], path: Path) -> None:
    """Replace the file at `path` as a whole."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
