"""Losses that train the scene CLIP's vision tower, so that its gradient leads to true pictures.

They are those of the shapes, which `engine.demo.lessons` explains: guidance, level, alignment and
choice. Beside them there is *rank*: the true picture that is nearest to an unfinished one must
score higher than it, by a margin that grows with their distance. Without that, a run that goes on
for long ends in pictures that score higher than true ones.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.lessons import (
    ALIGNMENT_WEIGHT,
    CHOICE_WEIGHT,
    GUIDANCE_WEIGHT,
    LEVEL_POWER,
    LEVEL_WEIGHT,
    SHARPNESS,
    TOP_SIMILARITY,
)
from engine.demo.precision import half_precision
from engine.demo.scene_models.attributes import VALUES, Attributes, apart
from engine.demo.scene_models.chains import CHAINS, Chains
from engine.demo.scene_models.cutting import cutter, noisy
from engine.demo.scene_models.meaning import Meanings
from engine.demo.scene_models.pictures import DrawnScenes
from engine.demo.scene_models.spoiled import ScenePairPool, ScenePairs
from engine.demo.world import Rows
from engine.models.clip import ClipPerceptor
from engine.models.vqgan import VQGAN
from engine.vqgan_clip.losses import clamp_with_gradient

PICTURES = 64
"""Number of true pictures in a step of recognition alone."""
PAIRS_ALONE = 26
"""Number of pairs in a step without chains."""
PAIRS, CHAINS_AT_ONCE, VIEWS = 12, 8, 1
"""Numbers of pairs, of chains and of views of each chain in a step with chains."""
SCALES = (1, 4, 16)
"""Numbers of pixels averaged along each axis before gradients are compared."""
DETAIL, DETAIL_WEIGHT = 4, 4.0
"""Details are what is lost when this many pixels are averaged; they are weighed more, for they are
a small part of most differences, but noise in the gradient would paint textures everywhere."""
NEAR_ENOUGH, JUNK_DISTANCE = 0.04, 0.35
THING_WEIGHT = 4.0
"""Weight of a pixel of a thing beside others, which have 1: things are small."""
RANK_WEIGHT, RANK_MARGIN, RANK_SOFTNESS, RANKED_FROM = 6.0, 0.6, 0.05, 0.03


@dataclass(frozen=True)
class _Views(Rows):
    """N cutouts, the directions in which they should change, and what they should show."""

    cutouts: Tensor
    """Cutouts (N, 3, S, S) that the model sees, including noise."""
    direction: Tensor
    """Differences (N, 3, S, S) between true and spoiled cutouts, without noise."""
    meanings: Tensor
    """Unit vectors (N, D) of what each should show."""
    shown: Attributes
    """What the true pictures show (N)."""
    best: Tensor
    """Similarities (N,) between the true pictures' meanings and `meanings`."""
    weights: Tensor
    """Weights (N, 1, S, S) of the pixels, larger where things are."""


class Lessons:
    """A perceptor in training, with the data and losses of its vision tower.

    Args:
        perceptor: Perceptor to train.
        scenes: Drawn pictures.
        random: Source of the first pictures and chains.
        vqgan: Generator that the perceptor should guide; None to train recognition alone.
        chains: True to use chains.
        added_share: Share of the guidance by two prompts of equal weight, for content and style
            (prompt addition, Section 2.5).
    """

    def __init__(
        self,
        perceptor: ClipPerceptor,
        scenes: DrawnScenes,
        random: torch.Generator,
        vqgan: VQGAN | None = None,
        *,
        chains: bool,
        added_share: float = 0.0,
    ) -> None:
        self.meanings = Meanings()
        self._perceptor, self._scenes = perceptor, scenes
        self._added_share = added_share
        self._pool = self.chains = None
        if vqgan is not None:
            self._pool = ScenePairPool(vqgan, scenes)
            self.chains = Chains(vqgan, scenes, random) if chains else None
        self.lead: dict[str, float] = {}

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Compute the weighted losses of a step, and advance some chains."""
        if self._pool is not None:
            return self._guidance(self._pool, random)
        large, *which = self._scenes.sample(PICTURES, random)
        views = noisy(cutter(PICTURES, random)(large), random)
        return self.recognition(self._embed(views), self._scenes.shows(*which))

    def recognition(self, images: Tensor, shown: Attributes) -> dict[str, Tensor]:
        """Compute the alignment and choice losses of embedded pictures (N, D)."""
        ideal = self.meanings(shown)
        return {
            "alignment": 2 * ALIGNMENT_WEIGHT * (1 - (images * ideal).sum(1)).mean(),
            "choice": CHOICE_WEIGHT * self.choice(images, shown).mean(),
        }

    def choice(self, images: Tensor, shown: Attributes) -> Tensor:
        """Return the cross-entropy (6,) of each slot over all values that it can have."""
        return torch.stack([F.cross_entropy(*each) for each in self.choices(images, shown)])

    def choices(self, images: Tensor, shown: Attributes) -> list[tuple[Tensor, Tensor]]:
        """Return, for each slot, scores (M, V) of all its values and the true ones (M,)."""
        found: list[tuple[Tensor, Tensor]] = []
        for slot in ("sky", "ground", "medium", "kind", "color", "place"):
            values = getattr(shown, slot)
            first = values[:, 0] if values.dim() == 2 else values
            has = first >= 0
            if slot == "place":
                has = has & shown.of_one_thing()
            rows, true = shown[has], first[has]
            count = len(VALUES[slot])
            repeated = rows[torch.arange(len(rows)).repeat_interleave(count)]
            said = getattr(repeated, slot).clone()
            other = torch.arange(count).repeat(len(rows))
            if said.dim() == 2:
                said[:, 0] = other
            else:
                said = other
            ideal = self.meanings(repeated.replace(**{slot: said})).view(len(rows), count, -1)
            scores = torch.einsum("nd,nkd->nk", images[has], ideal)
            found.append((SHARPNESS * scores, true))
        return found

    def _guidance(self, pool: ScenePairPool, random: torch.Generator) -> dict[str, Tensor]:
        """Compute the losses of spoiled pictures and chains."""
        chains = self.chains
        if chains is None:
            losses, _ = self._guide(self._pair_views(pool.draw(PAIRS_ALONE, random), random), 0)
            return losses
        views = self._pair_views(pool.draw(PAIRS, random), random)
        chosen = torch.randperm(CHAINS, generator=random)[:CHAINS_AT_ONCE]
        latents = chains.latents(chosen).requires_grad_()
        images = clamp_with_gradient(chains.decode(latents))
        goals, shown, things = chains.goals(chosen, images.detach())
        cut = cutter(CHAINS_AT_ONCE * VIEWS, random)
        cutouts = cut(images)
        claims = chains.claims(chosen)
        own = self._views(cutouts.detach(), cut(goals), cut(things), claims, shown, random)
        losses, gradient = self._guide(views.followed_by(own), PAIRS)
        uphill = gradient[PAIRS:].detach() / VIEWS
        (gradient,) = torch.autograd.grad(cutouts, latents, -uphill)
        chains.advance(chosen, gradient, random)
        return losses

    def _pair_views(self, pairs: ScenePairs, random: torch.Generator) -> _Views:
        """Take one cutout of each spoiled picture."""
        cut = cutter(len(pairs.true), random)
        spoiled, true = (cut(each.float() / 255) for each in (pairs.spoiled, pairs.true))
        things = cut(pairs.things)
        return self._views(spoiled, true, things, pairs.claims, pairs.shown, random)

    def _views(
        self,
        cutouts: Tensor,
        true: Tensor,
        things: Tensor,
        claims: Attributes,
        shown: Attributes,
        random: torch.Generator,
    ) -> _Views:
        targets = self._targets(claims, random)
        best = (targets * self.meanings(shown)).sum(1)
        times = torch.arange(len(claims)).repeat_interleave(len(cutouts) // len(claims))
        weights = 1 + (THING_WEIGHT - 1) * things
        return _Views(
            noisy(cutouts, random),
            true - cutouts,
            targets[times],
            shown[times],
            best[times],
            weights,
        )

    def _targets(self, claims: Attributes, random: torch.Generator) -> Tensor:
        """Return unit vectors (N, D) that guide views of which the `claims` (N) are true.

        A share of them is the sum of two prompts of equal weight, for content and style.
        """
        whole = self.meanings(claims)
        content, style = map(self.meanings, apart(claims))
        both = (content.norm(dim=1) > 0) & (style.norm(dim=1) > 0)
        added = torch.rand(len(claims), generator=random) < self._added_share
        parted = F.normalize(content + style, dim=1)
        return torch.where((added & both)[:, None], parted, whole)

    def _guide(self, views: _Views, pairs: int) -> tuple[dict[str, Tensor], Tensor]:
        """Compute guidance, level and rank, and the similarities' gradient (N, 3, S, S)."""
        cutouts = views.cutouts.detach().requires_grad_()
        similarity = (self._embed(cutouts) * views.meanings).sum(1)
        (gradient,) = torch.autograd.grad(similarity.sum(), cutouts, create_graph=True)
        mean = views.weights.mean((1, 2, 3))
        distance = (views.direction.square() * views.weights).mean((1, 2, 3)).div(mean).sqrt()
        agreements = []
        sharp = [_sharpened(each) for each in (gradient, views.direction)]
        for scale in SCALES:
            root = F.avg_pool2d(views.weights, scale).sqrt()
            own, ideal = ((F.avg_pool2d(each, scale) * root).flatten(1) for each in sharp)
            agreements.append(F.cosine_similarity(own, ideal, dim=1, eps=1e-7))
        agreement = torch.stack(agreements).mean(0)
        guidance = ((1 - agreement) * (distance / NEAR_ENOUGH).clamp(max=1)).mean()
        spoiled = (distance / JUNK_DISTANCE).clamp(max=1)
        goal = TOP_SIMILARITY * views.best * (1 - spoiled**LEVEL_POWER)
        level = (similarity - goal).square().mean()
        embedded = self._embed(views.cutouts + views.direction)
        true = (embedded * views.meanings).sum(1)
        behind = similarity - true + (RANK_MARGIN * distance).clamp(max=0.15)
        ranked = (distance > RANKED_FROM).float()
        rank = RANK_SOFTNESS * F.softplus(behind / RANK_SOFTNESS) * ranked
        rank = rank.sum() / ranked.sum().clamp(min=1)
        if pairs:
            self.lead = {
                "lead of true": (true - similarity)[pairs:].mean().item(),
                "distance": distance[pairs:].mean().item(),
            }
        losses = {
            "guidance": GUIDANCE_WEIGHT * guidance,
            "level": LEVEL_WEIGHT * level,
            "rank": RANK_WEIGHT * rank,
            **self.recognition(embedded, views.shown),
        }
        return losses, gradient

    def _embed(self, images: Tensor) -> Tensor:
        with half_precision():
            return self._perceptor.encode_image(images)


def _sharpened(images: Tensor) -> Tensor:
    """Return images (N, 3, S, S) with stronger details."""
    coarse = F.avg_pool2d(images, DETAIL).repeat_interleave(DETAIL, 2).repeat_interleave(DETAIL, 3)
    return coarse + DETAIL_WEIGHT * (images - coarse)
