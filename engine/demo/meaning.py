"""What captions and pictures mean, as vectors: the space that both towers of the demo CLIP share.

Usually the two towers of a CLIP find their common space by themselves. The demo world is drawn, so
what is in a picture is known exactly, and the space can be laid down beforehand: each dimension
stands for something that can be said. Then the text tower can learn the language and the vision
tower can learn to see, each on its own, and neither waits for the other to make sense.

A similarity is linear in the meaning of the caption, and so is its gradient with respect to the
picture. But a picture is not the sum of its attributes: which pixels get the object's colour
depends on its shape. Hence the products among the features, of the shape with the two colours and
of these with each other; given them, even the average picture that fits a caption is linear in the
caption's meaning.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.claims import Claims
from engine.demo.world import COLOURS, SHAPES, palette

SIZE = 128
"""Dimensions; those beyond the features stay unused."""
SHAPE, COLOUR, BACKGROUND = 1.3, 1.0, 1.0
"""Weights of the attributes. Shapes are the hardest to paint, so they weigh most."""
PRODUCT = 1.0
"""Weight of the products of attributes."""
DETAIL = 0.5
"""Weight of size, place, relation and emptiness."""

_PLACES, _SIZES = 4, 2


def meanings(claims: Claims) -> Tensor:
    """What the claims (C) mean: unit vectors (C, SIZE); what is not said is zero."""
    shape = _one_hot(claims.shape, len(SHAPES)).sum(1)
    colour = _one_hot(claims.colour, len(COLOURS)).sum(1)
    background = _one_hot(claims.background, len(COLOURS))
    shapes, hues = _one_hot(claims.shape, len(SHAPES)), _hue(claims.colour)
    ground = _hue(claims.background)
    positions = torch.stack((claims.relation, claims.relation ^ 1), 1)
    positions = positions.where((claims.relation >= 0)[:, None], claims.relation[:, None])
    where = _one_hot(positions, _PLACES)
    features = [
        SHAPE * shape,
        COLOUR * colour,
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
    """(..., count) float; all zero where nothing is said."""
    return F.one_hot(values + 1, count + 1)[..., 1:].float()


def _hue(colours: Tensor) -> Tensor:
    """(..., 3): red, green and blue of the palette, in [-1, 1]; zero where nothing is said."""
    rgb = 2 * palette() - 1
    return F.pad(rgb, (0, 0, 1, 0))[colours + 1]


def _products(first: Tensor, second: Tensor) -> Tensor:
    """Sum over objects of the products of features (C, N, F) and (C, N, G): (C, F * G)."""
    return torch.einsum("cnf,cng->cfg", first, second).flatten(1)
