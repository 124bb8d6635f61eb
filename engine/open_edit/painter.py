"""Open-Edit as a painter: its models, loaded from files, and the runs that they begin."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import ModelError, RecipeError
from engine.models.devices import precision_name
from engine.models.loading import digest, load_module
from engine.models.plain_run import check_recipe
from engine.models.tensors import to_tensor
from engine.open_edit.configs import (
    DecoderConfig,
    EdgesConfig,
    EmbeddingConfig,
    PerceptualConfig,
)
from engine.open_edit.decoder import Decoder
from engine.open_edit.edges import Edges
from engine.open_edit.embedding import JointEmbedding
from engine.open_edit.perceptual import PerceptualFeatures
from engine.open_edit.picture_edit import Change, OpenEditModels, PictureEdit
from engine.open_edit.run import OpenEditRun
from engine.open_edit.vocabulary import read_vocabulary
from engine.recipes.kinds import AnyRecipe
from engine.recipes.open_edit_recipe import OpenEditRecipe
from engine.recipes.start_image import start_picture

ROLES = ("embedding", "vocabulary", "edges", "decoder", "perceptual")
"""What the weights files are for."""


@dataclass(frozen=True)
class OpenEdit:
    """The models of Open-Edit on one device, shared by all runs."""

    name: str
    device: torch.device
    digests: Mapping[str, str]
    """SHA-256 of each file by its name."""
    models: OpenEditModels
    precision: str = "float32"
    """Name of the precision of the layers that may be lowered."""

    @property
    def side(self) -> int:
        """Width and height of pictures in pixels."""
        return self.models.decoder.config.side

    def begin(self, recipe: AnyRecipe) -> OpenEditRun:
        """Begin a run at step 0, on the source of the edit, stretched to a square.

        Raises:
            RecipeError: The recipe is for other models, lacks its picture, or has a phrase without
                a known word.
            PictureError: The source is not a picture.
        """
        recipe = check_recipe(recipe, OpenEditRecipe, self.name, self.side)
        source = start_picture(recipe)
        assert source is not None  # as the recipe checks
        pixels = to_tensor(source).to(self.device)
        return OpenEditRun(recipe, PictureEdit(self.models, pixels, self._change(recipe)))

    def _change(self, recipe: OpenEditRecipe) -> Change:
        vocabulary, embedding = self.models.vocabulary, self.models.embedding
        for phrase in (recipe.old, recipe.new):
            if len(vocabulary.unknown_words(phrase)) == len(set(phrase.lower().split())):
                raise RecipeError(
                    "the models know no word of {phrase}: choose other words", phrase=repr(phrase)
                )
        with torch.no_grad():
            old, new = (
                embedding.encode_text(torch.tensor([vocabulary.tokens(phrase)], device=self.device))
                for phrase in (recipe.old, recipe.new)
            )
        return Change(old, new, recipe.alpha, recipe.is_global)


def load_painter(
    name: str, paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype
) -> OpenEdit:
    """Load the models of Open-Edit from their files.

    Args:
        name: Name of the models, as recipes call them.
        paths: Path of a file for each of `ROLES`.
        device: Device that holds the models and computes the runs.
        dtype: Precision of convolutions.

    Raises:
        ModelError: A file is missing or damaged, or the files do not fit together.
    """
    embedding = load_module(
        paths["embedding"],
        lambda config: JointEmbedding(EmbeddingConfig.from_dict(config)),
        device,
        dtype,
    )
    decoder = load_module(
        paths["decoder"], lambda config: Decoder(DecoderConfig.from_dict(config)), device, dtype
    )
    edges = load_module(
        paths["edges"], lambda config: Edges(EdgesConfig.from_dict(config)), device, dtype
    )
    features = load_module(
        paths["perceptual"],
        lambda config: PerceptualFeatures(PerceptualConfig.from_dict(config)),
        device,
        dtype,
    )
    if decoder.config.joint != embedding.config.joint:
        raise ModelError(
            "the decoder {decoder} is for vectors of {length} numbers, but the embedding "
            "{embedding} has {given}",
            decoder=paths["decoder"].name,
            length=decoder.config.joint,
            embedding=paths["embedding"].name,
            given=embedding.config.joint,
        )
    vocabulary = read_vocabulary(paths["vocabulary"], embedding.config.words)
    models = OpenEditModels(embedding, vocabulary, edges, decoder, features)
    return OpenEdit(name, device, _digests(paths), models, precision_name(dtype))


def _digests(paths: Mapping[str, Path]) -> dict[str, str]:
    import hashlib

    found = {paths[role].name: digest(paths[role]) for role in ROLES if role != "vocabulary"}
    words = paths["vocabulary"]
    return found | {words.name: hashlib.sha256(words.read_bytes()).hexdigest()}
