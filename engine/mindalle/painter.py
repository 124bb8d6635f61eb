"""minDALL-E as a painter: its models, loaded from files, and the runs that they begin."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import ModelError
from engine.mindalle.run import MinDalleModels, MinDalleRun
from engine.mindalle.tokens import TextTokenizer, WordTokenizer, read_pair_tokenizer
from engine.mindalle.transformer import CodeTransformer, TransformerConfig
from engine.models.devices import precision_name
from engine.models.loading import digest, load_clip, load_module, load_vqgan
from engine.models.plain_run import check_recipe
from engine.models.tokenizer import tokenizer_sha256
from engine.recipes.kinds import AnyRecipe
from engine.recipes.mindalle_recipe import MinDalleRecipe

DECODER, TRANSFORMER, PERCEPTOR, TOKENIZER = "decoder", "transformer", "perceptor", "tokenizer"
"""What the files are for. Models that know few words have no file for the tokenizer."""


@dataclass(frozen=True)
class MinDalle:
    """The models of minDALL-E on one device, shared by all runs."""

    name: str
    digests: Mapping[str, str]
    """SHA-256 of each file by its name."""
    models: MinDalleModels
    precision: str = "float32"
    """Name of the precision of the layers that may be lowered."""

    @property
    def device(self) -> torch.device:
        """Device that holds the models and computes the runs."""
        return self.models.vqgan.device

    def begin(self, recipe: AnyRecipe) -> MinDalleRun:
        """Begin a run at step 0. Raises `RecipeError` if the recipe is for other models."""
        recipe = check_recipe(recipe, MinDalleRecipe, self.name, self.models.side)
        return MinDalleRun(recipe, self.models)


def load_painter(
    name: str, paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype
) -> MinDalle:
    """Load the models of minDALL-E from their files.

    Args:
        name: Name of the models, as recipes call them.
        paths: Paths of the files: `DECODER`, a VQGAN; `TRANSFORMER`; `PERCEPTOR`, a CLIP that
            chooses the best candidate; and `TOKENIZER`, unless the transformer's file has words.
        device: Device that holds the models and computes the runs.
        dtype: Precision of convolutions and dense layers.

    Raises:
        ModelError: A file is missing or damaged, or the files do not fit together.
    """
    vqgan = load_vqgan(paths[DECODER], device, dtype)
    transformer = load_transformer(paths[TRANSFORMER], device, dtype)
    if transformer.config.codes != len(vqgan.codebook):
        raise ModelError(
            "the transformer {transformer} writes {codes} codes, but the decoder {decoder} has "
            "{known}",
            transformer=paths[TRANSFORMER].name,
            codes=transformer.config.codes,
            decoder=paths[DECODER].name,
            known=len(vqgan.codebook),
        )
    perceptor = load_clip(paths[PERCEPTOR], device, dtype)
    tokenizer = _tokenizer(transformer.config, paths)
    models = MinDalleModels(vqgan, transformer, tokenizer, perceptor)
    return MinDalle(name, _digests(paths), models, precision_name(dtype))


def load_transformer(path: Path, device: torch.device, dtype: torch.dtype) -> CodeTransformer:
    """Load the transformer in a weights file.

    Raises:
        ModelError: The file is missing, damaged, or contains another model.
    """
    return load_module(
        path, lambda config: CodeTransformer(TransformerConfig.from_dict(config)), device, dtype
    )


def _tokenizer(config: TransformerConfig, paths: Mapping[str, Path]) -> TextTokenizer:
    if config.words:
        return WordTokenizer(config.words, config.text_length)
    if TOKENIZER not in paths:
        raise ModelError(
            "the transformer {transformer} needs a file for its tokenizer",
            transformer=paths[TRANSFORMER].name,
        )
    return read_pair_tokenizer(paths[TOKENIZER], config.text_length, config.tokens)


def _digests(paths: Mapping[str, Path]) -> dict[str, str]:
    weights = {path.name: digest(path) for role, path in paths.items() if role != TOKENIZER}
    texts = {path.name: tokenizer_sha256(path) for role, path in paths.items() if role == TOKENIZER}
    return weights | texts
