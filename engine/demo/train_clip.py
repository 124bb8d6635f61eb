"""Train the demo CLIP, so that its gradient leads from junk to true pictures.

A CLIP that was only taught to tell finished pictures apart can be fooled: the gradient of its
similarity with respect to the pixels is noise to a human eye, and a latent that follows it ends in
blobs. So the gradient itself is trained. There are four losses:

- *guidance*: the gradient of the similarity, taken at a spoiled picture, must point towards the
  true one, as a denoiser's would (denoising score matching, Vincent, 2011; Song and Ermon, 2019).
  Spoiled pictures come from `corruption`, and from `chains`: latents that follow the gradient of
  the very model in training;
- *level*: the similarity falls with the distance from the true picture;
- *contrast*: the usual symmetric cross-entropy of CLIP (Radford et al., 2021), with captions that
  are true of several pictures of a batch not counted against each other;
- *shape*: among the six shapes, the one in the picture must be the most similar.

and three phases: colours come by themselves; shapes come only when they are taught alone, from
easy pictures (large, upright, in the middle) to all; then everything together.

The vision tower is a transformer because all of it is smooth: through a ReLU, the gradient of a
gradient says nothing about when the unit should be on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import trange

from engine.augmentations import Augmentations
from engine.clip import ClipPerceptor, build_clip
from engine.cutouts import colour_matrices, geometry, recolour, resample
from engine.demo.captions import TRAINING_TEMPLATES, phrase, plain_prompt, truth
from engine.demo.chains import Chains
from engine.demo.corruption import PairPool, Pairs
from engine.demo.world import COLOURS, SHAPES, SIDE, Scenes, render, sample_single_scenes
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
WARM_UP = 0.02
"""Share of a phase in which the learning rate rises; then it falls along half a cosine."""
WEIGHT_DECAY = 0.02
AVERAGE = 0.995
"""Decay of the moving average of the weights, which is what is kept."""
MAX_LOGIT_SCALE = 50.0
PAIRS_ALONE = 48
"""Spoiled pictures a step where no chains take part."""
PAIRS, CHAINS_AT_ONCE, VIEWS = 20, 10, 2
"""Elsewhere: spoiled pictures, chains, and cutouts of each chain's picture, a step."""
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
SHAPE_WEIGHT = 1.0
SHAPE_PICTURES = 80
"""Pictures of one object a step whose shape is asked for in a few words."""
EASY_RADIUS = 0.3
"""Size of the objects, as a fraction of the side, in the easiest pictures."""
SURE, HARDER = 0.8, 0.006
"""Share of right shapes from which on each step's pictures get harder, and by how much of the way
from the easiest to all."""
SHAPE_PICTURES_BESIDE = 32
"""The same where other losses are trained as well."""
SHAPE_PROMPTS = 8
"""How many of these are also held against whole prompts that differ in the shape alone."""
SHAPE_FRAMES = ("a {}", "{}", "a picture of a {}", "there is a {}", "a {} on a background")
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
class Phase:
    """A part of the training, with a learning rate schedule of its own."""

    name: str
    steps: int
    learning_rate: float
    guided: bool = True
    """Whether guidance, level and contrast are trained."""
    chains: bool = False
    """Whether chains take part in that."""
    shapes: bool = False
    """Whether shapes are taught."""


PHASES = (
    Phase("colours", steps=1400, learning_rate=2e-3),
    Phase("shapes", steps=1150, learning_rate=1.2e-3, guided=False, shapes=True),
    Phase("together", steps=800, learning_rate=1e-3, chains=True, shapes=True),
)


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
    phases: Sequence[Phase] = PHASES,
    start: nn.Module | None = None,
    on_checkpoint: Callable[[nn.Module], None] | None = None,
) -> nn.Module:
    """Train an open_clip `CLIP` to guide `vqgan`, from nothing or from what `start` knows.

    In a distributed run every process takes part with pictures of its own. `on_checkpoint` is
    called every `CHECKPOINT_EVERY` steps with the model as it stands.
    """
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # torch's initialisers know only the global generator
        trainer = _Trainer(vqgan, random)
    if distributed.is_initialized():  # the same weights everywhere, other pictures each
        random.manual_seed(seed + 1000 * distributed.get_rank())
    if start is not None:
        trainer.model.load_state_dict(start.state_dict())
    for phase in phases:
        trainer.model.load_state_dict(_train_phase(trainer, phase, on_checkpoint).state_dict())
    return trainer.model.eval()


def _train_phase(
    trainer: "_Trainer", phase: Phase, on_checkpoint: Callable[[nn.Module], None] | None
) -> nn.Module:
    """Train through `phase` and return the model with averaged weights."""
    parameters = list(trainer.model.parameters())
    optimizer = torch.optim.AdamW(
        parameters, phase.learning_rate, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, phase.learning_rate, total_steps=phase.steps, pct_start=WARM_UP
    )
    average = torch.optim.swa_utils.AveragedModel(
        trainer.model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE)
    )
    progress = trange(phase.steps, desc=f"CLIP, {phase.name}", mininterval=10)
    for step in progress:
        losses = trainer.losses(phase)
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values(), torch.zeros(())).backward()
        _share_gradients(trainer.model)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(trainer.model)
        if phase.guided and step % RENEW_EVERY == RENEW_EVERY - 1:
            trainer.pool.renew()
        if on_checkpoint is not None and step % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
            on_checkpoint(average.module)
        if step % 25 == 0:
            progress.set_postfix({name: f"{loss.item():.3f}" for name, loss in losses.items()})
    return average.module


def _share_gradients(model: nn.Module) -> None:
    """Average the gradients over all processes of a distributed run, if this is one."""
    if not distributed.is_initialized():
        return
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


class _Trainer:
    """The model in training, with what it is trained on."""

    def __init__(self, vqgan: VQGAN, random: torch.Generator) -> None:
        self.model, self.tokenizer = build_clip(CONFIG)
        self.perceptor = ClipPerceptor(self.model, self.tokenizer)
        self.vqgan = vqgan
        self.random = random
        self.pool = PairPool(vqgan, random)
        self.chains = Chains(vqgan, random)
        self.hardness = 0.0
        """How far the pictures of the shapes' loss are on the way from the easiest to all."""
        self._sure = 1 / len(SHAPES)
        """Running share of pictures whose shape was told right."""

    def losses(self, phase: Phase) -> dict[str, Tensor]:
        """The weighted losses of one step; where chains take part, some advance by a step."""
        losses = {}
        if phase.guided:
            losses |= self._guided_losses(chains=phase.chains)
        if phase.shapes:
            if phase.guided:  # by then easy pictures are behind it
                self.hardness = 1.0
            losses["shape"] = SHAPE_WEIGHT * self._shape(beside=phase.guided)
        return losses

    def _guided_losses(self, *, chains: bool) -> dict[str, Tensor]:
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

    def _shape(self, *, beside: bool) -> Tensor:
        """Cross-entropy of the shape against short prompts.

        `beside` other losses on fewer pictures, and against whole prompts as well.
        """
        count = SHAPE_PICTURES_BESIDE if beside else SHAPE_PICTURES
        scenes = self._scenes_of_hardness(count)
        pictures = render(scenes)
        augmented = int(count / 2 * self.hardness)
        if augmented:
            pictures[-augmented:] = self._noisy(self._cutter(augmented)(pictures[-augmented:]))
        images, shapes = self._embed_images(pictures), scenes.shape[:, 0]
        scale = self.model.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE)
        frame = SHAPE_FRAMES[int(torch.randint(len(SHAPE_FRAMES), (), generator=self.random))]
        short = images @ self._embed([frame.format(shape) for shape in SHAPES]).T
        self._get_harder((short.argmax(1) == shapes).float().mean().item())
        loss = F.cross_entropy(scale * short, shapes)
        if not beside:
            return loss
        prompts = self._embed(self._prompts_of_any_shape(scenes[:SHAPE_PROMPTS]))
        prompts = prompts.view(SHAPE_PROMPTS, len(SHAPES), -1)
        whole = torch.einsum("nd,nkd->nk", images[:SHAPE_PROMPTS], prompts)
        return (loss + F.cross_entropy(scale * whole, shapes[:SHAPE_PROMPTS])) / 2

    def _scenes_of_hardness(self, count: int) -> Scenes:
        """Scenes of one object, drawn together towards the easiest of them."""
        scenes = sample_single_scenes(count, self.random)
        return scenes.replace(
            centre=0.5 + self.hardness * (scenes.centre - 0.5),
            radius=EASY_RADIUS + self.hardness * (scenes.radius - EASY_RADIUS),
            angle=self.hardness * scenes.angle,
        )

    def _get_harder(self, right: float) -> None:
        self._sure += 0.05 * (right - self._sure)
        if self._sure > SURE:
            self.hardness = min(1.0, self.hardness + HARDER)

    def _prompts_of_any_shape(self, scenes: Scenes) -> list[str]:
        """For each of the scenes six prompts, true but for the shape, which is each one in turn."""
        rows = zip(scenes.colour[:, 0].tolist(), scenes.background.tolist(), strict=True)
        wording = int(torch.randint(TRAINING_TEMPLATES, (), generator=self.random))
        return [
            plain_prompt(shape, COLOURS[colour], COLOURS[background], wording)
            for colour, background in rows
            for shape in SHAPES
        ]

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
        model: Any = self.model
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
