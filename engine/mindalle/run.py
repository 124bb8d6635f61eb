"""A picture of minDALL-E in progress: rows of codes, then pictures, then the choice of the best.

A step writes one row of codes of every candidate. Two more steps decode the candidates and compare
them with the prompt. A run owns its codes and its random generator. The cache of the transformer is
not saved: it is made again by reading the codes one by one, which gives the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.errors import CheckpointError
from engine.mindalle.sampling import draw_codes
from engine.mindalle.tokens import TextTokenizer
from engine.mindalle.transformer import CODES, Cache, CodeTransformer
from engine.models.codebook import look_up
from engine.models.plain_run import PlainRun
from engine.models.protocols import Perceptor
from engine.models.vqgan import VQGAN
from engine.recipes.mindalle_recipe import ROWS, MinDalleRecipe

UNDRAWN = 0.5
"""Value of the pixels whose codes are not written yet: gray."""


@dataclass(frozen=True)
class MinDalleModels:
    """The frozen models that runs share."""

    vqgan: VQGAN
    transformer: CodeTransformer
    tokenizer: TextTokenizer
    perceptor: Perceptor
    """CLIP that chooses the best candidate."""

    @property
    def side(self) -> int:
        """Width and height of pictures in pixels."""
        return ROWS * self.vqgan.factor


class MinDalleRun(PlainRun[MinDalleRecipe]):
    """A run of minDALL-E; its state has some kB.

    The first step after `load_state_dict` reads the codes so far again, which takes as long as they
    took.
    """

    def __init__(self, recipe: MinDalleRecipe, models: MinDalleModels) -> None:
        """Begin at step 0."""
        device = models.vqgan.device
        super().__init__(recipe, device)
        self._models = models
        self._tokens = models.tokenizer(recipe.prompt).to(device)
        self._codes = torch.zeros(recipe.candidates, CODES, dtype=torch.long, device=device)
        self._similarities = torch.zeros(recipe.candidates, device=device)
        self._cache: Cache | None = None
        self._pictures: Tensor | None = None
        self._shown: tuple[int, Tensor] | None = None

    @property
    def similarities(self) -> Tensor:
        """Cosines (N,) of the candidates and the prompt; zeros until they are compared."""
        return self._similarities

    @torch.no_grad()
    def _advance(self) -> None:
        """Write a row of codes, or decode the candidates, or choose the best of them."""
        if self.steps_done < ROWS:
            self._write_row()
        elif self.steps_done == ROWS:
            self._decoded()
        else:
            self._similarities = self._compare(self._decoded())

    @torch.no_grad()
    def image(self) -> Tensor:
        """Return the current picture: (1, 3, H, W), floats in [0, 1].

        It is the best candidate, or the first one until they are compared. What has no codes yet
        is gray.
        """
        if self._shown is None or self._shown[0] != self.steps_done:
            self._shown = (self.steps_done, self._current_picture())
        return self._shown[1].clone()

    def _tensors(self) -> dict[str, Tensor]:
        return {"codes": self._codes, "similarities": self._similarities}

    def _check(self, tensors: Mapping[str, Tensor]) -> None:
        codes = tensors["codes"]
        if not ((codes >= 0) & (codes < self._models.transformer.config.codes)).all():
            raise CheckpointError("the checkpoint has codes that the decoder does not know")

    def _restore(self, tensors: Mapping[str, Tensor]) -> None:
        self._codes, self._similarities = tensors["codes"], tensors["similarities"]
        self._cache = self._pictures = self._shown = None

    def _write_row(self) -> None:
        """Draw the next row of all candidates."""
        start = self.steps_done * ROWS
        random_before = self._random.get_state()
        try:
            for position in range(start, start + ROWS):
                logits = self._logits(position)
                self._codes[:, position] = draw_codes(
                    logits,
                    self._random,
                    temperature=self.recipe.temperature,
                    top_k=self.recipe.top_k,
                    top_p=self.recipe.top_p,
                )
        except BaseException:
            self._cache = None
            self._random.set_state(random_before)
            raise
        if start + ROWS == CODES:
            self._cache = None

    def _logits(self, position: int) -> Tensor:
        """Return the logits (N, K) of the codes at a position, once those before it are written.

        The cache is at that position or is made again: code by code, because reading several at
        once would round differently.
        """
        transformer = self._models.transformer
        if position == 0 or self._cache is None:
            logits, self._cache = transformer.read(self._tokens, len(self._codes))
        else:
            return transformer.next_logits(self._codes[:, position - 1], self._cache)
        for earlier in range(position):
            logits = transformer.next_logits(self._codes[:, earlier], self._cache)
        return logits

    def _decoded(self) -> Tensor:
        """Return the pictures (N, 3, H, W) of all candidates, decoded at most once."""
        if self._pictures is None:
            self._pictures = torch.cat([self._decode(codes) for codes in self._codes])
        return self._pictures

    def _decode(self, codes: Tensor) -> Tensor:
        """Return the picture (1, 3, H, W) of codes (256,)."""
        vqgan = self._models.vqgan
        latents = look_up(codes.view(1, ROWS, ROWS), vqgan.codebook)
        return vqgan.decode(latents).clamp(0, 1)

    def _compare(self, pictures: Tensor) -> Tensor:
        """Return the cosines (N,) of pictures and prompt, as CLIP embeds them."""
        perceptor = self._models.perceptor
        side = perceptor.input_size
        if pictures.shape[-1] != side:
            pictures = F.interpolate(pictures, (side, side), mode="bicubic", antialias=True)
        embedded = perceptor.encode_image(pictures.clamp(0, 1))
        return (embedded @ perceptor.encode_text([self.recipe.prompt]).T)[:, 0]

    def _current_picture(self) -> Tensor:
        if self.steps_done >= ROWS:
            chosen = int(self._similarities.argmax())
            if self._pictures is not None:
                return self._pictures[chosen, None]
            return self._decode(self._codes[chosen])
        codes = self._codes[0].clone()
        drawn = self.steps_done * ROWS
        if drawn:
            # The decoder sees around each cell: below the last row it sees that row again.
            codes[drawn:] = codes[drawn - ROWS : drawn].repeat(ROWS - self.steps_done)
        pixels = self._models.side // ROWS * self.steps_done
        picture = torch.full((1, 3, self._models.side, self._models.side), UNDRAWN)
        picture = picture.to(self._codes.device)
        if drawn:
            picture[:, :, :pixels] = self._decode(codes)[:, :, :pixels]
        return picture
