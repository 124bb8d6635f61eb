"""The edit of one picture: its result, and the losses that fit the decoder to the picture.

Open-Edit (Liu et al., 2020) moves each cell of a picture's embedding by the difference of two
phrases and decodes what comes of it. The decoder alone loses details of the picture, so for each
picture a few steps optimize three maps that are added inside the decoder: with them the unedited
cells must decode to the picture, and so must cells that are edited, decoded, embedded and edited
back.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.open_edit.decoder import Decoder
from engine.open_edit.edges import Edges
from engine.open_edit.embedding import JointEmbedding
from engine.open_edit.perceptual import PerceptualFeatures, perceptual_distance
from engine.open_edit.vocabulary import PhraseVocabulary

PERCEPTUAL_WEIGHT = 10.0
"""Weight of the perceptual distance beside the mean absolute difference."""
SIZE_WEIGHT = 1e-4
"""Weight of the sum of squares of the maps."""

Maps = Mapping[str, Tensor]
"""The maps of `Decoder.map_shapes`, by their names."""


@dataclass(frozen=True)
class OpenEditModels:
    """The frozen models of Open-Edit."""

    embedding: JointEmbedding
    vocabulary: PhraseVocabulary
    edges: Edges
    decoder: Decoder
    features: PerceptualFeatures


@dataclass(frozen=True)
class Change:
    """What to change: from the phrase `old` to the phrase `new`, both unit vectors (1, joint)."""

    old: Tensor
    new: Tensor
    alpha: float
    """How far the cells go."""
    is_global: bool
    """Whether all cells go as far, instead of as far as they resemble the phrase that leaves."""

    def apply(self, cells: Tensor) -> Tensor:
        """Move `cells` (N, joint, H, W) of length 1 from the old phrase to the new one."""
        return self._move(cells, self.old, self.new)

    def revert(self, cells: Tensor) -> Tensor:
        """Move `cells` back, by the same rule with the phrases exchanged."""
        return self._move(cells, self.new, self.old)

    def _move(self, cells: Tensor, old: Tensor, new: Tensor) -> Tensor:
        old, new = old[:, :, None, None], new[:, :, None, None]
        distance = self.alpha * (new - old)
        if not self.is_global:
            distance = distance * (cells * old).sum(1, keepdim=True)
        return F.normalize(cells + distance, dim=1)


class PictureEdit:
    """A picture and its change: all of a run that stays the same.

    `source` is the picture (1, 3, S, S) in [0, 1], with the side of the decoder.
    """

    def __init__(self, models: OpenEditModels, source: Tensor, change: Change) -> None:
        self.models = models
        self.source = source
        self.change = change
        with torch.no_grad():
            self._cells = models.embedding.encode_image(source)
            self._edges = models.edges(source)
            self._features = models.features(source)

    def result(self, maps: Maps) -> Tensor:
        """Return the edited picture (1, 3, S, S) in [0, 1].

        The published program forgets here that an edit is to be global, though its losses know;
        ours does what was asked for.
        """
        return self.models.decoder(self.change.apply(self._cells), self._edges, maps)

    def reconstruction_loss(self, maps: Maps) -> Tensor:
        """Return how far the decoded picture is from the source, without any edit."""
        return self._distance(self.models.decoder(self._cells, self._edges, maps))

    def cycle_loss(self, maps: Maps) -> tuple[Tensor, Tensor]:
        """Return how far the picture is from the source when it is edited and edited back.

        The second value is the edited picture.
        """
        edited = self.result(maps)
        cells = self.change.revert(self.models.embedding.encode_image(edited))
        back = self.models.decoder(cells, self.models.edges(edited), maps)
        return self._distance(back), edited.detach()

    def _distance(self, picture: Tensor) -> Tensor:
        # The published weights are for pictures in [-1, 1], which differ twice as much.
        difference = 2 * (picture - self.source).abs().mean()
        features = self.models.features(picture)
        return difference + PERCEPTUAL_WEIGHT * perceptual_distance(features, self._features)


def size_loss(maps: Maps) -> Tensor:
    """Return the weighted sum of squares of the maps."""
    return SIZE_WEIGHT * torch.stack([each.square().sum() for each in maps.values()]).sum()
