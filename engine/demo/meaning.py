"""Meanings of captions and pictures as vectors: the common space of the demo CLIP's towers.

Usually the two towers of a CLIP learn their common space together. The demo world is drawn, so the
content of a picture is known exactly and the space can be defined in advance: each dimension stands
for something that a caption can say. So each tower can be trained on its own.

A similarity is linear in the meaning of the caption, and so is its gradient with respect to the
picture. But a picture is not the sum of its attributes: which pixels get the object's color
depends on its shape. Therefore the features include products of the shape with the two colors, and
of the colors with each other. With them, even the average picture that fits a caption is linear in
the caption's meaning.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.claims import Claims
from engine.demo.world import COLORS, SHAPES, palette

SIZE = 128
"""Number of dimensions; those beyond the features are unused."""
SHAPE, COLOR, BACKGROUND = 1.3, 1.0, 1.0
"""Weights of the attributes. Shape has the largest, because it is the hardest to paint."""
PRODUCT = 1.0
"""Weight of the products of attributes."""
DETAIL = 0.5
"""Weight of size, place, relation and emptiness."""

_PLACES, _SIZES = 4, 2


def meanings(claims: Claims) -> Tensor:
    """Return the meanings of claims (C) as unit vectors (C, SIZE); what is not said is zero."""
    shape = _one_hot(claims.shape, len(SHAPES)).sum(1)
    color = _one_hot(claims.color, len(COLORS)).sum(1)
    background = _one_hot(claims.background, len(COLORS))
    shapes, hues = _one_hot(claims.shape, len(SHAPES)), _hue(claims.color)
    ground = _hue(claims.background)
    positions = torch.stack((claims.relation, claims.relation ^ 1), 1)
    positions = positions.where((claims.relation >= 0)[:, None], claims.relation[:, None])
    where = _one_hot(positions, _PLACES)
    features = [
        SHAPE * shape,
        COLOR * color,
        BACKGROUND * background,
        PRODUCT * _products(shapes, hues),
        PRODUCT * _products(shapes.sum(1, keepdim=True), ground[:, None]),
        PRODUCT * _products(hues.sum(1, keepdim=True), ground[:, None]),
        DETAIL * _products(shapes, where),
        DETAIL * _products(hues, where),
        DETAIL * _one_hot(claims.size, _SIZES),
        DETAIL * _one_hot(claims.place, _PLACES),
        DETAIL * claims.empty.float()[:, None],
    ]
    vectors = torch.cat(features, 1)
    return F.normalize(F.pad(vectors, (0, SIZE - vectors.shape[1])), dim=1)


def _one_hot(values: Tensor, count: int) -> Tensor:
    """Return one-hot vectors (..., count), all zero where nothing is said."""
    return F.one_hot(values + 1, count + 1)[..., 1:].float()


def _hue(colors: Tensor) -> Tensor:
    """Return the palette's RGB values (..., 3) in [-1, 1], zero where nothing is said."""
    rgb = 2 * palette() - 1
    return F.pad(rgb, (0, 0, 1, 0))[colors + 1]


def _products(first: Tensor, second: Tensor) -> Tensor:
    """Sum the products of features (C, N, F) and (C, N, G) over objects: (C, F * G)."""
    return torch.einsum("cnf,cng->cfg", first, second).flatten(1)
