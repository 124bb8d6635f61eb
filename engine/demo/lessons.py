"""What the demo CLIP's vision tower is taught, so that its gradient leads to true pictures.

A CLIP that was only taught to tell finished pictures apart can be fooled: the gradient of its
similarity with respect to the pixels is noise to a human eye, and a latent that follows it ends in
blobs. So the gradient itself is trained. There are four losses:

- *guidance*: the gradient of the similarity, taken at a spoiled picture, must point towards the
  true one, as a denoiser's would (denoising score matching, Vincent, 2011; Song and Ermon, 2019).
  Spoiled pictures come from `corruption`, and from `chains`: latents that follow the gradient of
  the very model in training;
- *level*: the similarity falls with the distance from the true picture;
- *alignment*: true pictures embed where their `meaning` is;
- *choice*: among meanings that differ in the shape, the colour or the background, the true one must
  be the most similar.

The order matters, and so do attacks. A transformer learns to choose in minutes if nothing else is
asked and the pictures are easy at first (large, upright, in the middle); beside guidance it hardly
begins to tell shapes. But a tower that was taught to choose, and nothing else, has a gradient so
rough that guidance gets hardly anywhere. Choosing right although the picture was changed by the
worst small change that can be found (adversarial training, Madry et al., 2018) smooths it, as the
gradients of robust classifiers show (Santurkar et al., 2019); from then on the two get on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.chains import Chains
from engine.demo.claims import Claims, describe_fully
from engine.demo.corruption import PairPool, Pairs
from engine.demo.meaning import meanings
from engine.demo.world import COLOURS, SHAPES, SIDE, Scenes, gathered, render, sample_single_scenes
from engine.models.clip import ClipPerceptor
from engine.models.vqgan import VQGAN
from engine.recipes.augmentations import DEMO
from engine.vqgan_clip.cutouts import colour_matrices, geometry, recolour, resample
from engine.vqgan_clip.latents import quantize
from engine.vqgan_clip.losses import clamp_with_gradient

PAIRS_ALONE = 24
"""Spoiled pictures a step, and in each process, where no chains take part."""
PAIRS, CHAINS_AT_ONCE, VIEWS = 16, 7, 2
"""Elsewhere: spoiled pictures, chains, and cutouts of each chain's picture."""
OUTLINE_SHARE = 0.3
"""Share of the spoiled pictures in which only the outline is wrong."""
SCALES = (1, 4, 8)
"""Pixels averaged along each axis before the gradient is compared, a fine and two coarse looks."""
TOP_SIMILARITY = 0.9
JUNK_DISTANCE = 0.4
"""Root mean square distance in pixel values at which nothing is left of a picture."""
LEVEL_POWER = 0.7
NEAR_ENOUGH = 0.05
"""Distance below which a picture counts as finished and its gradient counts less."""
GUIDANCE_WEIGHT, LEVEL_WEIGHT, ALIGNMENT_WEIGHT, CHOICE_WEIGHT = 3.0, 2.0, 0.5, 3.0
SHARPNESS = 15.0
"""How many times the similarities are magnified before they become probabilities."""
PICTURES_ALONE, PICTURES = 48, 28
"""True pictures of one object a step, without and with guidance beside."""
EASY_STEPS = 500
"""Steps from the easiest pictures to all."""
ATTACK_STEPS, ATTACK_RATE = 3, 0.6
"""How many steps an attack takes, and how long each is, in radii."""
ATTACKED_SHARE = 0.6
"""Weight of the attacked pictures in choice and alignment; the rest is for the same ones as they
are."""


@dataclass(frozen=True)
class _Views:
    """N cutouts as they are, where they should go, and what they should show."""

    seen: Tensor
    """(N, 3, S, S), noise included: what the model looks at."""
    direction: Tensor
    """(N, 3, S, S): the true cutout minus the spoiled one, noise left out."""
    meanings: Tensor
    """(N, D): what each should show, as unit vectors."""
    best: Tensor
    """(N,): how similar the true picture's meaning is to that."""

    def followed_by(self, other: Self) -> Self:
        """Both, one after the other."""
        return type(self)(
            torch.cat((self.seen, other.seen)),
            torch.cat((self.direction, other.direction)),
            torch.cat((self.meanings, other.meanings)),
            torch.cat((self.best, other.best)),
        )


@dataclass(frozen=True)
class _ChainStep:
    """Chains about to take a step: which, their latents, and cutouts attached to those."""

    chosen: Tensor
    latents: Tensor
    cutouts: Tensor
    views: _Views


class Lessons:
    """A perceptor in training, with all that its vision tower is taught on.

    Args:
        perceptor: what is trained.
        vqgan: what it shall guide.
        random: where all that is drawn at random comes from.
        guided: whether guidance is taught, beside attacked pictures; else pictures go from easy to
            all, and are not attacked.
        chains: whether chains take part.
        attack_radius: largest norm of an attack, on all pixel values of a picture.
        added_share: how much of the guidance, 0 to 1, is by two prompts with equal weights, one for
            the objects and one for the background, instead of one (prompt addition, Section 2.5).
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
    ) -> None:
        self._perceptor = perceptor
        self._vqgan = vqgan
        self._random = random
        self._attack_radius = attack_radius
        self._added_share = added_share
        self._pool = PairPool(vqgan, random, OUTLINE_SHARE) if guided else None
        self._chains = Chains(vqgan, random) if chains else None
        self._spread = 1.0 if guided else 0.0
        """How far the true pictures may be from the easiest ones, at most."""

    def losses(self) -> dict[str, Tensor]:
        """The weighted losses of one step; where chains take part, some advance by a step."""
        if self._pool is None:
            self._spread = min(1.0, self._spread + 1 / EASY_STEPS)
            pictures, scenes = self.draw_pictures(PICTURES_ALONE)
            return self.recognition(pictures, scenes)
        pictures, scenes = self.draw_pictures(PICTURES)
        clean = self.recognition(pictures, scenes)
        attacked = self.recognition(self.attack(pictures, scenes), scenes)
        return self._guidance(self._pool) | {
            name: torch.lerp(clean[name], attacked[name], ATTACKED_SHARE) for name in clean
        }

    def _guidance(self, pool: PairPool) -> dict[str, Tensor]:
        """Guidance and level of spoiled pictures and, where there are any, of chains."""
        if self._chains is None:
            losses, _ = self._guide(self._pair_views(pool.draw(PAIRS_ALONE)))
            return losses
        views = self._pair_views(pool.draw(PAIRS))
        step = self._chain_step(self._chains)
        losses, gradient = self._guide(views.followed_by(step.views))
        self._advance(self._chains, step, gradient[PAIRS:].detach())
        return losses

    def recognition(self, pictures: Tensor, scenes: Scenes) -> dict[str, Tensor]:
        """Alignment and choice of `pictures` (N, 3, S, S) of the `scenes`."""
        images = self._embed(pictures)
        ideal = meanings(describe_fully(scenes, self._random))
        return {
            "alignment": ALIGNMENT_WEIGHT * (1 - (images * ideal).sum(1)).mean(),
            "choice": CHOICE_WEIGHT * self._choice(images, scenes),
        }

    def attack(self, pictures: Tensor, scenes: Scenes) -> Tensor:
        """The pictures with changes of bounded norm that make the choice as wrong as can be.

        Projected gradient ascent from a random point (Madry et al., 2018).
        """
        change = torch.randn(pictures.shape, generator=self._random)
        reach = torch.rand(len(pictures), 1, 1, 1, generator=self._random)
        radius = self._attack_radius
        change = radius * reach * change / _norms(change)
        for _ in range(ATTACK_STEPS):
            change.requires_grad_()
            loss = self._choice(self._embed(pictures + change), scenes)
            (uphill,) = torch.autograd.grad(loss, change)
            change = change.detach() + ATTACK_RATE * radius * uphill / _norms(uphill).clamp(
                min=1e-9
            )
            change = change * (radius / _norms(change)).clamp(max=1)
        return (pictures + change).detach()

    def _guide(self, views: _Views) -> tuple[dict[str, Tensor], Tensor]:
        """Guidance and level losses, and the gradient (N, 3, S, S) of the similarities."""
        seen = views.seen.detach().requires_grad_()
        similarity = (self._embed(seen) * views.meanings).sum(1)
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
        goal = TOP_SIMILARITY * views.best * (1 - spoiled**LEVEL_POWER)
        level = (similarity - goal).square().mean()
        return {"guidance": GUIDANCE_WEIGHT * guidance, "level": LEVEL_WEIGHT * level}, gradient

    def _choice(self, images: Tensor, scenes: Scenes) -> Tensor:
        """Cross-entropy of each attribute of the `scenes` (N) among all its values, averaged."""
        true = [scenes.shape[:, 0], scenes.colour[:, 0], scenes.background]
        losses = []
        for number, count in enumerate((len(SHAPES), len(COLOURS), len(COLOURS))):
            said = [values[:, None].expand(-1, count).flatten() for values in true]
            said[number] = torch.arange(count).repeat(len(scenes))
            choices = meanings(Claims.of_one_object(*said)).view(len(scenes), count, -1)
            similarity = torch.einsum("nd,nkd->nk", images, choices)
            losses.append(F.cross_entropy(SHARPNESS * similarity, true[number]))
        return torch.stack(losses).mean()

    def draw_pictures(self, count: int) -> tuple[Tensor, Scenes]:
        """True pictures of one object, up to half of them as cutouts, and what they show."""
        spread = self._spread * torch.rand(count, generator=self._random)
        scenes = gathered(sample_single_scenes(count, self._random), spread)
        pictures = render(scenes)
        cut = int(count / 2 * self._spread)
        if cut:
            pictures[:cut] = self._noisy(self._cutter(cut)(pictures[:cut]))
        return pictures, scenes

    def _pair_views(self, pairs: Pairs) -> _Views:
        """One cutout of each spoiled picture."""
        cut = self._cutter(len(pairs.true))
        seen = cut(pairs.spoiled)
        said = self._said(pairs.claims)
        best = (said * meanings(describe_fully(pairs.scenes, self._random))).sum(1)
        return _Views(self._noisy(seen), cut(pairs.true) - seen, said, best)

    def _chain_step(self, chains: Chains) -> _ChainStep:
        """Draw chains and cut views out of their pictures."""
        chosen = chains.draw(CHAINS_AT_ONCE)
        latents = chains.latents(chosen).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            images = self._vqgan.decode(quantize(latents, self._vqgan.codebook))
        images = clamp_with_gradient(images.float())
        goals = chains.goals(chosen, images.detach())
        cut = self._cutter(len(chosen) * VIEWS)
        cutouts = cut(images)
        seen = cutouts.detach()
        claims = chains.claims(chosen)
        said = self._said(claims)
        best = (said * meanings(claims)).sum(1)
        said, best = (each.repeat_interleave(VIEWS, 0) for each in (said, best))
        views = _Views(self._noisy(seen), cut(goals) - seen, said, best)
        return _ChainStep(chosen, latents, cutouts, views)

    def _said(self, claims: Claims) -> Tensor:
        """What guides views of which the `claims` (N) are true: (N, D) unit vectors.

        Two prompts with equal weights pull towards the sum of their meanings.
        """
        objects, backgrounds = map(meanings, claims.apart())
        added = torch.rand(len(claims), 1, generator=self._random) < self._added_share
        return torch.where(added, F.normalize(objects + backgrounds, dim=1), meanings(claims))

    def _advance(self, chains: Chains, step: _ChainStep, uphill: Tensor) -> None:
        """Let chains follow the gradient `uphill` (N, 3, S, S) of their cutouts' similarity."""
        (gradient,) = torch.autograd.grad(step.cutouts, step.latents, -uphill / VIEWS)
        chains.advance(step.chosen, gradient)

    def _cutter(self, count: int) -> Callable[[Tensor], Tensor]:
        """A function that takes the same `count` cutouts, noise left out, of any pictures."""
        matrices = geometry(count, 1.0, DEMO, self._random)
        colours = colour_matrices(count, DEMO, self._random)
        return lambda images: recolour(resample(images, matrices, SIDE), colours)

    def _noisy(self, cutouts: Tensor) -> Tensor:
        strength = torch.rand(len(cutouts), 1, 1, 1, generator=self._random)
        noise = torch.randn(cutouts.shape, generator=self._random)
        return cutouts + DEMO.noise * strength * noise

    def _embed(self, images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self._perceptor.encode_image(images)


def _norms(changes: Tensor) -> Tensor:
    """(N, 1, 1, 1): the length of each of `changes` (N, 3, S, S)."""
    return changes.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
