"""Have pictures embedded by a painter, which may be in another process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from bot.gallery.vectors import Floats

if TYPE_CHECKING:
    from engine.models.loading import Models


@dataclass(frozen=True)
class Embedded:
    """Embeddings of pictures."""

    perceptor: str
    """What looked at them: a name and a digest of its weights."""
    vectors: Sequence[Floats]


@dataclass(frozen=True)
class EmbedPictures:
    """A call with models that embeds pictures; without any, it says who would."""

    pictures: Sequence[Image.Image]

    def __call__(self, models: "Models") -> Embedded:
        """Return the embeddings, of length 1, in the order of the pictures."""
        from engine.comparison.likeness import embed_pictures, perceptor_name  # imports torch

        vectors = embed_pictures(self.pictures, models) if self.pictures else ()
        return Embedded(perceptor_name(models), list(vectors))
