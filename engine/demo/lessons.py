"""Losses that train the demo CLIP's vision tower, so that its gradient leads to true pictures.

A CLIP that was trained only to tell finished pictures apart can be fooled: to a human eye the
gradient of its similarity with respect to the pixels is noise, and a latent that follows it ends in
blobs. So the gradient itself is trained. There are four losses:

- *guidance*: the gradient of the similarity at a spoiled picture must point towards the true one,
  like that of a denoiser (denoising score matching, Vincent, 2011; Song and Ermon, 2019). Spoiled
  pictures come from `corruption` and from `chains`, latents that follow the gradient of the model
  in training.
- *level*: the similarity must fall with the distance from the true picture.
- *alignment*: the embedding of a true picture must be its `meaning`.
- *choice*: among meanings that differ in shape, color or background, the true one must be the most
  similar.

The order matters, and so do attacks. A transformer learns to choose in minutes if there is no other
loss and the first pictures are easy (large, upright, centered); together with guidance it hardly
learns shapes. But a tower that was trained only to choose has a gradient so rough that guidance
makes little progress. Adversarial training (Madry et al., 2018), to choose right even after the
worst small change of the picture, smooths it, as the gradients of robust classifiers show
(Santurkar et al., 2019). After that, both losses can be trained together.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.chains import Chains
from engine.demo.claims import Claims, describe_fully
from engine.demo.corruption import PairPool, Pairs
from engine.demo.meaning import meanings
from engine.demo.world import (
    COLORS,
    SHAPES,
    SIDE,
    Rows,
    Scenes,
    gathered,
    render,
    sample_single_scenes,
)
from engine.models.clip import ClipPerceptor
from engine.models.codebook import quantize
from engine.models.vqgan import VQGAN
from engine.recipes.augmentations import DEMO
from engine.vqgan_clip.cutouts import recolor, resample
from engine.vqgan_clip.losses import clamp_with_gradient
from engine.vqgan_clip.views import color_matrices, geometry

PAIRS_ALONE = 24
"""Number of spoiled pictures per step and process in phases without chains."""
PAIRS, CHAINS_AT_ONCE, VIEWS = 16, 7, 2
"""Numbers of spoiled pictures, of chains, and of cutouts per chain, in phases with chains."""
OUTLINE_SHARE = 0.3
"""Share of the spoiled pictures in which only the outline is wrong."""
SCALES = (1, 4, 8)
"""Numbers of pixels averaged along each axis before gradients are compared, from fine to coarse."""
TOP_SIMILARITY = 0.9
"""Similarity that a true picture should reach."""
JUNK_DISTANCE = 0.4
"""Root mean square distance in pixel values at which nothing is left of a picture."""
LEVEL_POWER = 0.7
"""Exponent of the distance in the similarity that a spoiled picture should have."""
NEAR_ENOUGH = 0.05
"""Distance below which a picture counts as finished and the weight of its gradient falls."""
GUIDANCE_WEIGHT, LEVEL_WEIGHT, ALIGNMENT_WEIGHT, CHOICE_WEIGHT = 3.0, 2.0, 0.5, 3.0
SHARPNESS = 15.0
"""Factor of the similarities in the softmax of the choice."""
PICTURES_ALONE, PICTURES = 48, 28
"""Numbers of true pictures of one object per step, without and with guidance."""
EASY_STEPS = 500
"""Number of steps from the easiest pictures to all."""
ATTACK_STEPS, ATTACK_RATE = 3, 0.6
"""Number of steps of an attack, and the length of each relative to its radius."""
ATTACKED_SHARE = 0.6
"""Weight of attacked pictures in choice and alignment; the unchanged ones have the rest."""


@dataclass(frozen=True)
class _Views(Rows):
    """N cutouts, the directions in which they should change, and what they should show."""

    cutouts: Tensor
    """Cutouts (N, 3, S, S) that the model sees, including noise."""
    direction: Tensor
    """Differences (N, 3, S, S) between true and spoiled cutouts, without noise."""
    meanings: Tensor
    """Unit vectors (N, D) of what each should show."""
    best: Tensor
    """Similarities (N,) between the true pictures' meanings and `meanings`."""


@dataclass(frozen=True)
class _ChainStep:
    """Chains that are about to take a step."""

    chosen: Tensor
    """Indices (B,) of the chains."""
    latents: Tensor
    """Latents (B, C, H, W) of the chains, which require a gradient."""
    cutouts: Tensor
    """Cutouts (B * VIEWS, 3, S, S) with a graph back to the latents."""
    views: _Views


class Lessons:
    """A perceptor in training, with the data and losses of its vision tower.

    Args:
        perceptor: Perceptor to train.
        vqgan: Generator that the perceptor should guide.
        random: Generator of all random numbers.
        guided: True to train guidance, with attacked pictures; False to train with pictures from
            easy to hard, without attacks.
        chains: True to use chains.
        judging: True to train recognition and level with spoiled pictures, without guidance and
            attacks, for a model that is never followed.
        attack_radius: Maximum norm of an attack over all pixel values of a picture.
        added_share: Share of the guidance, 0 to 1, by two prompts of equal weight, one for the
            objects and one for the background (prompt addition, Section 2.5).
    """

    def __init__(
        self,
        perceptor: ClipPerceptor,
        vqgan: VQGAN,
        random: torch.Generator,
        *,
        guided: bool,
        chains: bool,
        attack_radius: float,
        added_share: float = 0.0,
        judging: bool = False,
    ) -> None:
        self._perceptor = perceptor
        self._vqgan = vqgan
        self._random = random
        self._attack_radius = attack_radius
        self._added_share = added_share
        self._judging = judging
        has_pairs = guided or judging
        self._pool = PairPool(vqgan, random, OUTLINE_SHARE) if has_pairs else None
        self._chains = Chains(vqgan, random) if chains else None
        self._spread = 1.0 if has_pairs else 0.0
        """Maximum distance of true pictures from the easiest ones, from 0 to 1."""

    def losses(self) -> dict[str, Tensor]:
        """Compute the weighted losses of one step, and advance some chains if there are any."""
        if self._pool is None:
            self._spread = min(1.0, self._spread + 1 / EASY_STEPS)
            pictures, scenes = self.draw_pictures(PICTURES_ALONE)
            return self.recognition(pictures, scenes)
        if self._judging:
            return self._judge(self._pool)
        pictures, scenes = self.draw_pictures(PICTURES)
        clean = self.recognition(pictures, scenes)
        attacked = self.recognition(self.attack(pictures, scenes), scenes)
        return self._guidance(self._pool) | {
            name: torch.lerp(clean[name], attacked[name], ATTACKED_SHARE) for name in clean
        }

    def _judge(self, pool: PairPool) -> dict[str, Tensor]:
        """Compute recognition of true pictures, and the level of spoiled ones."""
        pictures, scenes = self.draw_pictures(PICTURES_ALONE)
        views = self._pair_views(pool.draw(PICTURES_ALONE))
        similarity = (self._embed(views.cutouts) * views.meanings).sum(1)
        return self.recognition(pictures, scenes) | {
            "level": LEVEL_WEIGHT * _level(similarity, views)
        }

    def _guidance(self, pool: PairPool) -> dict[str, Tensor]:
        """Compute guidance and level losses of spoiled pictures and chains."""
        if self._chains is None:
            losses, _ = self._guide(self._pair_views(pool.draw(PAIRS_ALONE)))
            return losses
        views = self._pair_views(pool.draw(PAIRS))
        step = self._chain_step(self._chains)
        losses, gradient = self._guide(views.followed_by(step.views))
        self._advance(self._chains, step, gradient[PAIRS:].detach())
        return losses

    def recognition(self, pictures: Tensor, scenes: Scenes) -> dict[str, Tensor]:
        """Compute the alignment and choice losses of `pictures` (N, 3, S, S) of the `scenes`."""
        images = self._embed(pictures)
        ideal = meanings(describe_fully(scenes, self._random))
        return {
            "alignment": ALIGNMENT_WEIGHT * (1 - (images * ideal).sum(1)).mean(),
            "choice": CHOICE_WEIGHT * self._choice(images, scenes),
        }

    def attack(self, pictures: Tensor, scenes: Scenes) -> Tensor:
        """Return the pictures with changes of bounded norm that maximize the choice loss.

        This is projected gradient ascent from a random point (Madry et al., 2018).
        """
        change = torch.randn(pictures.shape, generator=self._random)
        reach = torch.rand(len(pictures), 1, 1, 1, generator=self._random)
        radius = self._attack_radius
        change = radius * reach * change / _norms(change)
        for _ in range(ATTACK_STEPS):
            change.requires_grad_()
            loss = self._choice(self._embed(pictures + change), scenes)
            (uphill,) = torch.autograd.grad(loss, change)
            step = ATTACK_RATE * radius * uphill / _norms(uphill).clamp(min=1e-9)
            change = change.detach() + step
            change = change * (radius / _norms(change)).clamp(max=1)
        return (pictures + change).detach()

    def _guide(self, views: _Views) -> tuple[dict[str, Tensor], Tensor]:
        """Compute guidance and level losses, and the similarities' gradient (N, 3, S, S)."""
        cutouts = views.cutouts.detach().requires_grad_()
        similarity = (self._embed(cutouts) * views.meanings).sum(1)
        (gradient,) = torch.autograd.grad(similarity.sum(), cutouts, create_graph=True)
        distance = _distances(views)
        both = (gradient, views.direction)
        pooled = ([F.avg_pool2d(each, scale).flatten(1) for each in both] for scale in SCALES)
        agreements = [F.cosine_similarity(own, ideal, eps=1e-7) for own, ideal in pooled]
        agreement = torch.stack(agreements).mean(0)
        guidance = ((1 - agreement) * (distance / NEAR_ENOUGH).clamp(max=1)).mean()
        level = LEVEL_WEIGHT * _level(similarity, views)
        return {"guidance": GUIDANCE_WEIGHT * guidance, "level": level}, gradient

    def _choice(self, images: Tensor, scenes: Scenes) -> Tensor:
        """Return the mean cross-entropy of each attribute of the `scenes` (N) over its values."""
        true = [scenes.shape[:, 0], scenes.color[:, 0], scenes.background]
        losses = []
        for number, count in enumerate((len(SHAPES), len(COLORS), len(COLORS))):
            said = [values[:, None].expand(-1, count).flatten() for values in true]
            said[number] = torch.arange(count).repeat(len(scenes))
            choices = meanings(Claims.of_one_object(*said)).view(len(scenes), count, -1)
            similarity = torch.einsum("nd,nkd->nk", images, choices)
            losses.append(F.cross_entropy(SHARPNESS * similarity, true[number]))
        return torch.stack(losses).mean()

    def draw_pictures(self, count: int) -> tuple[Tensor, Scenes]:
        """Draw true pictures of one object, up to half of them as cutouts, and their scenes."""
        spread = self._spread * torch.rand(count, generator=self._random)
        scenes = gathered(sample_single_scenes(count, self._random), spread)
        pictures = render(scenes)
        cut = int(count / 2 * self._spread)
        if cut:
            pictures[:cut] = self._noisy(self._cutter(cut)(pictures[:cut]))
        return pictures, scenes

    def _pair_views(self, pairs: Pairs) -> _Views:
        """Take one cutout of each spoiled picture."""
        cut = self._cutter(len(pairs.true))
        cutouts = cut(pairs.spoiled)
        targets = self._targets(pairs.claims)
        best = (targets * meanings(describe_fully(pairs.scenes, self._random))).sum(1)
        return _Views(self._noisy(cutouts), cut(pairs.true) - cutouts, targets, best)

    def _chain_step(self, chains: Chains) -> _ChainStep:
        """Draw chains, and take cutouts of their pictures."""
        chosen = chains.draw(CHAINS_AT_ONCE)
        latents = chains.latents(chosen).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            images = self._vqgan.decode(quantize(latents, self._vqgan.codebook))
        images = clamp_with_gradient(images.float())
        goals = chains.goals(chosen, images.detach())
        cut = self._cutter(len(chosen) * VIEWS)
        cutouts = cut(images)
        detached = cutouts.detach()
        claims = chains.claims(chosen)
        targets = self._targets(claims)
        best = (targets * meanings(claims)).sum(1)
        targets, best = (each.repeat_interleave(VIEWS, 0) for each in (targets, best))
        views = _Views(self._noisy(detached), cut(goals) - detached, targets, best)
        return _ChainStep(chosen, latents, cutouts, views)

    def _targets(self, claims: Claims) -> Tensor:
        """Return unit vectors (N, D) that guide views of which the `claims` (N) are true.

        Two prompts with equal weights pull towards the sum of their meanings.
        """
        objects, backgrounds = map(meanings, claims.apart())
        added = torch.rand(len(claims), 1, generator=self._random) < self._added_share
        return torch.where(added, F.normalize(objects + backgrounds, dim=1), meanings(claims))

    def _advance(self, chains: Chains, step: _ChainStep, uphill: Tensor) -> None:
        """Advance chains along the gradient `uphill` (N, 3, S, S) of their cutouts' similarity."""
        (gradient,) = torch.autograd.grad(step.cutouts, step.latents, -uphill / VIEWS)
        chains.advance(step.chosen, gradient)

    def _cutter(self, count: int) -> Callable[[Tensor], Tensor]:
        """Return a function that takes the same `count` cutouts of any pictures, without noise."""
        matrices = geometry(count, 1.0, DEMO, self._random)
        colors = color_matrices(count, DEMO, self._random)
        return lambda images: recolor(resample(images, matrices, SIDE), colors)

    def _noisy(self, cutouts: Tensor) -> Tensor:
        strength = torch.rand(len(cutouts), 1, 1, 1, generator=self._random)
        noise = torch.randn(cutouts.shape, generator=self._random)
        return cutouts + DEMO.noise * strength * noise

    def _embed(self, images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self._perceptor.encode_image(images)


def _distances(views: _Views) -> Tensor:
    """Return the root mean square distance (N,) of each view from what it should be."""
    return views.direction.square().flatten(1).mean(1).sqrt()


def _level(similarity: Tensor, views: _Views) -> Tensor:
    """Return how far similarities (N,) are from those that spoiled pictures should have."""
    spoiled = (_distances(views) / JUNK_DISTANCE).clamp(max=1)
    goal = TOP_SIMILARITY * views.best * (1 - spoiled**LEVEL_POWER)
    return (similarity - goal).square().mean()


def _norms(changes: Tensor) -> Tensor:
    """Return the norm (N, 1, 1, 1) of each of `changes` (N, 3, S, S)."""
    return changes.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
