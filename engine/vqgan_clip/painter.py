"""VQGAN-CLIP as a painter, beside the others (`engine.models.painter`)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from engine.errors import RecipeError
from engine.models.catalogue import CATALOGUE
from engine.models.loading import Models
from engine.recipes.kinds import AnyRecipe
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.cuda_graph import CudaGraphs
from engine.vqgan_clip.generation import Generation
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan


@dataclass(frozen=True)
class VqganClip:
    """A VQGAN and the CLIPs that steer it."""

    models: Models
    graphs: CudaGraphs | None = None
    """Makes the CUDA graphs of runs; None for steps that are taken as they are."""

    @property
    def name(self) -> str:
        """Name of the models, as recipes call them."""
        return self.models.name

    @property
    def device(self) -> torch.device:
        """Device that holds the models and computes the runs."""
        return self.models.device

    @property
    def digests(self) -> Mapping[str, str]:
        """SHA-256 of each weights file by its name."""
        return self.models.digests

    @property
    def precision(self) -> str:
        """Name of the precision of decoder and image towers."""
        return self.models.precision

    def begin(self, recipe: AnyRecipe, plan: MemoryPlan = PLANS[0]) -> Generation:
        """Begin a run with a memory plan. Raises `RecipeError` if the recipe does not fit."""
        if not isinstance(recipe, Recipe):
            raise RecipeError("the recipe is for {painter}", painter=recipe.shown_name)
        run = Generation(recipe, self.models, plan)
        if self.graphs is not None:
            run.graph = self.graphs.for_run(run, CATALOGUE.get(self.models.name))
        return run
