"""Train the demo CLIP, so that its gradient leads from junk to true pictures.

A CLIP that was only taught to tell finished pictures apart can be fooled: the gradient of its
similarity with respect to the pixels is noise to a human eye, and a latent that follows it ends in
blobs. So the gradient itself is trained. Three losses share every step:

- *guidance*: the gradient of the similarity, taken at a spoiled picture, must point towards the
  true one, as a denoiser's would (denoising score matching, Vincent, 2011; Song and Ermon, 2019).
  Spoiled pictures come from `corruption`, and from `chains`: latents that follow the gradient of
  the very model in training;
- *level*: the similarity falls with the distance from the true picture;
- *contrast*: the usual symmetric cross-entropy of CLIP (Radford et al., 2021), with captions that
  are true of several pictures of a batch not counted against each other.

The vision tower is a transformer because all of it is smooth: through a ReLU, the gradient of a
gradient says nothing about when the unit should be on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import trange

from engine.augmentations import Augmentations
from engine.clip import ClipPerceptor, build_clip
from engine.cutouts import colour_matrices, geometry, recolour, resample
from engine.demo.captions import phrase, truth
from engine.demo.chains import Chains
from engine.demo.corruption import PairPool, Pairs
from engine.demo.world import SIDE
from engine.latents import quantize
from engine.losses import clamp_with_gradient
from engine.vqgan import VQGAN

CONFIG: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {
        "image_size": SIDE,
        "patch_size": 8,
        "width": 160,
        "layers": 4,
        "head_width": 32,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 64,
        "heads": 4,
        "layers": 3,
    },
}
STEPS = 3400
LEARNING_RATE = 2e-3
WARM_UP = 0.02
"""Share of the run in which the learning rate rises; then it falls along half a cosine."""
WEIGHT_DECAY = 0.02
AVERAGE = 0.995
"""Decay of the moving average of the weights, which is what is kept."""
MAX_LOGIT_SCALE = 50.0
PAIRS_ALONE = 48
"""Spoiled pictures a step before the chains begin."""
CHAINS_FROM = 0.35
"""Share of the run after which chains take part."""
PAIRS, CHAINS_AT_ONCE, VIEWS = 24, 12, 2
"""From then on: spoiled pictures, chains, and cutouts of each chain's picture, a step."""
RENEW_EVERY = 32
"""Steps between two new blocks of spoiled pictures."""
CHECKPOINT_EVERY = 200
"""Steps between two chances to look at the model, or to save it."""
SCALES = (1, 4, 8)
"""Pixels averaged along each axis before the gradient is compared, a fine and two coarse looks."""
TOP_SIMILARITY = 0.9
JUNK_DISTANCE = 0.4
"""Root mean square distance in pixel values at which nothing is left of a picture."""
LEVEL_POWER = 0.7
GUIDANCE_WEIGHT, LEVEL_WEIGHT, CONTRAST_WEIGHT = 3.0, 2.0, 0.5
NEAR_ENOUGH = 0.05
"""Distance below which a picture counts as finished and its gradient counts less."""
ODD_WORDS_SHARE = 0.15
"""How many captions get words that mean nothing, so that unknown words do not matter."""

AUGMENTATIONS = Augmentations(
    crop_min=0.5,
    affine=0.7,
    degrees=15.0,
    translate=0.08,
    perspective=0.5,
    distortion=0.25,
    jitter=0.5,
    hue=0.015,
    saturation=0.1,
    brightness=0.08,
    noise=0.1,
)
"""Somewhat stronger than what the preset for the demo models does to cutouts."""


@dataclass(frozen=True)
class _Views:
    """N cutouts as they are, where they should go, and the prompts' embeddings."""

    seen: Tensor
    """(N, 3, S, S), noise included: what the model looks at."""
    direction: Tensor
    """(N, 3, S, S): the true cutout minus the spoiled one, noise left out."""
    texts: Tensor
    """(N, D) unit vectors."""

    def followed_by(self, other: Self) -> Self:
        """Both, one after the other."""
        return type(self)(
            torch.cat((self.seen, other.seen)),
            torch.cat((self.direction, other.direction)),
            torch.cat((self.texts, other.texts)),
        )


@dataclass(frozen=True)
class _ChainStep:
    """Chains about to take a step: which, their latents, and cutouts attached to those."""

    chosen: Tensor
    latents: Tensor
    cutouts: Tensor
    views: _Views


def train_clip(
    vqgan: VQGAN,
    seed: int,
    steps: int = STEPS,
    on_checkpoint: Callable[[nn.Module], None] | None = None,
) -> nn.Module:
    """Train an open_clip `CLIP` from nothing to guide `vqgan`.

    `on_checkpoint` is called every `CHECKPOINT_EVERY` steps with the model as it stands.
    """
    torch.set_flush_denormal(True)  # tiny gradients of gradients make a CPU crawl
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # torch's initialisers know only the global generator
        trainer = _Trainer(vqgan, random)
    optimizer = torch.optim.AdamW(
        trainer.model.parameters(), LEARNING_RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=WARM_UP
    )
    average = torch.optim.swa_utils.AveragedModel(
        trainer.model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE)
    )
    progress = trange(steps, desc="CLIP", mininterval=10)
    for step in progress:
        losses = trainer.losses(chains=step >= CHAINS_FROM * steps)
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values(), torch.zeros(())).backward()
        nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(trainer.model)
        if step % RENEW_EVERY == RENEW_EVERY - 1:
            trainer.pool.renew()
        if on_checkpoint is not None and step % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
            on_checkpoint(average.module)
        if step % 25 == 0:
            progress.set_postfix({name: f"{loss.item():.3f}" for name, loss in losses.items()})
    return average.module.eval()


class _Trainer:
    """The model in training, with what it is trained on."""

    def __init__(self, vqgan: VQGAN, random: torch.Generator) -> None:
        self.model, self.tokenizer = build_clip(CONFIG)
        self.perceptor = ClipPerceptor(self.model, self.tokenizer)
        self.vqgan = vqgan
        self.random = random
        self.pool = PairPool(vqgan, random)
        self.chains = Chains(vqgan, random)

    def losses(self, *, chains: bool) -> dict[str, Tensor]:
        """The three losses of one step; with `chains`, some chains also advance by a step."""
        pairs = self.pool.draw(PAIRS if chains else PAIRS_ALONE)
        captions = self._embed(phrase(pairs.claims, self.random))
        views, true_views = self._pair_views(pairs, captions)
        chain_step = self._chain_step() if chains else None
        if chain_step is not None:
            views = views.followed_by(chain_step.views)
        losses, gradient = self._guide(views)
        if chain_step is not None:
            self._advance(chain_step, gradient[-len(chain_step.cutouts) :].detach())
        losses["contrast"] = CONTRAST_WEIGHT * self._contrast(pairs, captions, true_views)
        return losses

    def _guide(self, views: _Views) -> tuple[dict[str, Tensor], Tensor]:
        """Guidance and level losses, and the gradient (N, 3, S, S) of the similarities."""
        seen = views.seen.detach().requires_grad_()
        with sdpa_kernel(SDPBackend.MATH):  # the only attention with a second derivative
            similarity = (self._embed_images(seen) * views.texts).sum(1)
            (gradient,) = torch.autograd.grad(similarity.sum(), seen, create_graph=True)
        distance = views.direction.square().flatten(1).mean(1).sqrt()
        agreement = torch.stack(
            [
                F.cosine_similarity(
                    F.avg_pool2d(gradient, scale).flatten(1),
                    F.avg_pool2d(views.direction, scale).flatten(1),
                    eps=1e-7,
                )
                for scale in SCALES
            ]
        ).mean(0)
        guidance = ((1 - agreement) * (distance / NEAR_ENOUGH).clamp(max=1)).mean()
        spoiled = (distance / JUNK_DISTANCE).clamp(max=1)
        goal = TOP_SIMILARITY * (1 - spoiled**LEVEL_POWER)
        level = (similarity - goal).square().mean()
        return {
            "guidance": GUIDANCE_WEIGHT * guidance,
            "level": LEVEL_WEIGHT * level,
        }, gradient

    def _contrast(self, pairs: Pairs, captions: Tensor, views: Tensor) -> Tensor:
        """Symmetric cross-entropy between true pictures and captions, other true pairs left out."""
        scale = self.model.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE)
        logits = scale * captions @ self._embed_images(views).T
        own = torch.eye(len(logits), dtype=torch.bool)
        logits = logits.masked_fill(truth(pairs.claims, pairs.scenes) & ~own, -1e4)
        labels = torch.arange(len(logits))
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

    def _pair_views(self, pairs: Pairs, captions: Tensor) -> tuple[_Views, Tensor]:
        """One cutout of each spoiled picture, and the same of the true one."""
        cut = self._cutter(len(pairs.true))
        true, spoiled = cut(pairs.true), cut(pairs.spoiled)
        return _Views(self._noisy(spoiled), true - spoiled, captions), self._noisy(true)

    def _chain_step(self) -> _ChainStep:
        """Draw chains and cut views out of their pictures."""
        chosen = self.chains.draw(CHAINS_AT_ONCE)
        latents = self.chains.latents(chosen).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            images = self.vqgan.decode(quantize(latents, self.vqgan.codebook))
        images = clamp_with_gradient(images.float())
        goals = self.chains.goals(chosen, images.detach())
        cut = self._cutter(len(chosen) * VIEWS)
        cutouts = cut(images)
        seen = cutouts.detach()
        texts = self._embed(self.chains.prompts(chosen)).repeat_interleave(VIEWS, 0)
        views = _Views(self._noisy(seen), cut(goals) - seen, texts)
        return _ChainStep(chosen, latents, cutouts, views)

    def _advance(self, step: _ChainStep, uphill: Tensor) -> None:
        """Let chains follow the gradient `uphill` (N, 3, S, S) of their cutouts' similarity."""
        (gradient,) = torch.autograd.grad(step.cutouts, step.latents, -uphill / VIEWS)
        self.chains.advance(step.chosen, gradient)

    def _cutter(self, count: int) -> Callable[[Tensor], Tensor]:
        """A function that takes the same `count` cutouts, noise left out, of any pictures."""
        matrices = geometry(count, 1.0, AUGMENTATIONS, self.random)
        colours = colour_matrices(count, AUGMENTATIONS, self.random)
        return lambda images: recolour(resample(images, matrices, SIDE), colours)

    def _noisy(self, cutouts: Tensor) -> Tensor:
        strength = torch.rand(len(cutouts), 1, 1, 1, generator=self.random)
        noise = torch.randn(cutouts.shape, generator=self.random)
        return cutouts + AUGMENTATIONS.noise * strength * noise

    def _embed_images(self, images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.perceptor.encode_image(images)

    def _embed(self, texts: list[str]) -> Tensor:
        """Embed captions (N, D), without the time that empty places of the context would take."""
        tokens = insert_odd_words(self.tokenizer(texts), self.random)
        ends = tokens.argmax(1)  # the end of text has the highest number
        length = int(ends.max()) + 1
        model = self.model
        x = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
        x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
        x = model.ln_final(x)[torch.arange(len(x)), ends] @ model.text_projection
        return F.normalize(x, dim=-1)


def insert_odd_words(tokens: Tensor, random: torch.Generator) -> Tensor:
    """Put one to three random tokens into some of the captions `tokens` (N, L), in place."""
    odd = torch.rand(len(tokens), generator=random) < ODD_WORDS_SHARE
    for row in odd.nonzero()[:, 0].tolist():
        start, *words, end = tokens[row, : int(tokens[row].argmax()) + 1].tolist()
        for _ in range(int(torch.randint(1, 4, (), generator=random))):
            place = int(torch.randint(len(words) + 1, (), generator=random))
            words.insert(place, int(torch.randint(256, start, (), generator=random)))
        tokens[row, : len(words) + 2] = torch.tensor([start, *words, end])
    return tokens
