"""Models compiled for one shape of a step, in the background, for CUDA.

Compilation takes a minute or more, and no picture waits for it: a run that begins before it is done
is painted by the models as they are. What cannot be compiled stays as it is, too. Compiled layers
round differently, so that a picture depends on which of both it was painted by; hence this is for
those who do not ask for determinism.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from engine.models.loading import Models
from engine.models.protocols import ImageGenerator, Perceptor
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.generation import Generation

log = logging.getLogger(__name__)

Shape = tuple[int, int, int]
"""Width, height and cutouts of a step."""
WARM_UP_STEPS = 2


class Compiler:
    """Compiled versions of `models`, one for each shape that was asked for.

    `backend` is one of torch's.
    """

    def __init__(self, models: Models, backend: str | Callable[..., Any] = "inductor") -> None:
        self._models = models
        self._backend = backend
        self._made: dict[Shape, Future[Models]] = {}
        # What was compiled for another number of threads would be compiled anew in the first step.
        threads = (torch.get_num_threads(),)
        self._pool = ThreadPoolExecutor(1, "compiler", torch.set_num_threads, threads)

    def models_for(self, recipe: Recipe) -> Models:
        """The models by which a run of `recipe` is painted: compiled ones if they are ready.

        If they are not, their compilation is under way from now on.
        """
        shape = (recipe.width, recipe.height, recipe.cutouts)
        made = self._made.get(shape)
        if made is None:
            self._made[shape] = self._pool.submit(self._compile, recipe)
            return self._models
        return made.result() if made.done() else self._models

    def wait(self) -> None:
        """Wait for what is being compiled."""
        for made in list(self._made.values()):
            made.result()

    def close(self) -> None:
        """Begin no more compilations."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _compile(self, recipe: Recipe) -> Models:
        """Compiled models that have been used as a run uses them; the old ones on failure."""
        models = self._models
        compiled = replace(
            models,
            generator=_CompiledGenerator(models.generator, self._backend),
            perceptors=tuple(_CompiledPerceptor(p, self._backend) for p in models.perceptors),
            one_shape=True,
        )
        try:
            # What is compiled depends on how tensors lie in memory, so nothing less than steps will
            # do. The first one compiles, the second one shows that this was enough.
            run = Generation(replace(recipe, steps=WARM_UP_STEPS, more=()), compiled)
            while not run.done:
                run.step()
        except Exception:
            # Compilers fail in many ways: no compiler is installed, or it does not know a layer.
            log.exception("the models cannot be compiled and stay as they are")
            return models
        size = f"{recipe.width}x{recipe.height}, {recipe.cutouts} cutouts"
        log.info("the models are compiled", extra={"size": size})
        return compiled


class _CompiledGenerator:
    """An `ImageGenerator` whose `decode` is compiled."""

    def __init__(self, generator: ImageGenerator, backend: str | Callable[..., Any]) -> None:
        self._generator = generator
        self._decode = torch.compile(generator.decode, backend=backend, dynamic=False)
        self.device = generator.device
        self.factor = generator.factor
        self.codebook = generator.codebook
        self.encode = generator.encode

    def decode(self, latents: Tensor, *, recompute: bool = False) -> Tensor:
        # What was compiled is a step that wants a gradient and saves no memory.
        if latents.requires_grad and not recompute:
            return self._decode(latents)
        return self._generator.decode(latents, recompute=recompute)


class _CompiledPerceptor:
    """A `Perceptor` whose `encode_image` is compiled for pictures that want a gradient."""

    def __init__(self, perceptor: Perceptor, backend: str | Callable[..., Any]) -> None:
        self._perceptor = perceptor
        self._encode_image = torch.compile(perceptor.encode_image, backend=backend, dynamic=False)
        self.input_size = perceptor.input_size
        self.truncate_to_context = perceptor.truncate_to_context

    def encode_image(self, images: Tensor) -> Tensor:
        encode = self._encode_image if images.requires_grad else self._perceptor.encode_image
        return encode(images)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        return self._perceptor.encode_text(texts)
