"""The models that are loaded: those that jobs needed last, as far as memory suffices.

Used by the engine thread only.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.models.catalogue import find_entry
from engine.models.memory import Budget, estimate_fixed
from engine.models.model_entry import ModelEntry
from engine.settings import EngineSettings

if TYPE_CHECKING:
    from torch import device

    from engine.models.judge import Judge
    from engine.models.loading import Models
    from engine.models.painter import Painter

log = logging.getLogger(__name__)

_SHARE = 0.5
"""Share of the memory that all loaded models may take together; runs need the rest. A single pair
may take more."""


class LoadedModels:
    """The installed models, each loaded when it is needed first.

    `release` is called with the name of models that are about to be dropped; nothing may use them
    from then on. `check` is called with pairs that were just loaded. `loads` is held while models
    are loaded, so that painters do so one after the other.
    """

    def __init__(
        self,
        settings: EngineSettings,
        given: "Models | None",
        release: Callable[[str], None],
        check: "Callable[[Models], None]",
        loads: threading.RLock,
    ) -> None:
        self._settings = settings
        self._loads = loads
        self._release = release
        self._check = check
        self._device = None if given is None else given.device
        self._loaded: dict[str, Painter] = {}
        """Painters by the names of their models, least recently used first."""
        if given is not None:
            from engine.vqgan_clip.painter import VqganClip

            self._loaded[given.name] = VqganClip(given)
        self._budgets: dict[str, Budget] = {}

    @property
    def device(self) -> "device | None":
        """Device that computes; None until it is known."""
        return self._device

    @property
    def loaded(self) -> Sequence[str]:
        """Names of the models that are loaded."""
        return list(self._loaded)

    def place(self, device: "device", budgets: Mapping[str, Budget]) -> None:
        """Set the device that computes, and the memory there for models of each name and a run."""
        self._device = device
        self._budgets = dict(budgets)

    def budget(self, name: str) -> Budget:
        """Return the memory for models and their runs together, as it was at the start."""
        return self._budgets.get(name, Budget(0))

    def is_loaded(self, name: str) -> bool:
        """Return True if models can be used at once."""
        return name in self._loaded

    def get(self, name: str) -> "Models":
        """Return a pair of models for VQGAN-CLIP, as `get_painter` does its painter."""
        from engine.vqgan_clip.painter import VqganClip

        painter = self.get_painter(name)
        if not isinstance(painter, VqganClip):
            raise ModelError("the models {models} are no pair for VQGAN-CLIP", models=repr(name))
        return painter.models

    def get_painter(self, name: str) -> "Painter":
        """Return the painter of some models, which are loaded if necessary.

        Others may be dropped for them. Raises `ModelError` if they are not installed, or cannot be
        loaded.
        """
        if name not in self._settings.all_installed:
            raise ModelError(
                "this picture needs the models {models}, which are not installed here any more; "
                "installed are: {installed}",
                models=repr(name),
                installed=", ".join(self._settings.all_installed),
            )
        painter = self._loaded.pop(name, None)
        if painter is None:
            self._make_room(name)
            with self._loads:
                painter = self._load(name)
        self._loaded[name] = painter
        return painter

    def get_judge(self, name: str) -> "Judge":
        """Return what compares pictures of some models, which is loaded if necessary.

        Pictures of another painter are compared by what compares those of the main pair.
        """
        is_pair = isinstance(find_entry(name), ModelEntry)
        return self.get(name if is_pair else self._settings.models).judge

    def keep_only(self, name: str) -> None:
        """Drop all other models."""
        for other in [each for each in self._loaded if each != name]:
            self._drop(other)

    def _make_room(self, name: str) -> None:
        """Drop the models that were not used for longest until others fit in beside the rest."""
        most = _SHARE * self.budget(name).bytes
        while self._loaded and sum(map(self._bytes, (name, *self._loaded))) > most:
            self._drop(next(iter(self._loaded)))

    def _bytes(self, name: str) -> int:
        budget = self.budget(name)
        entry = find_entry(name)
        return estimate_fixed(entry, is_bf16=budget.is_bf16, is_cuda=budget.is_cuda)

    def _drop(self, name: str) -> None:
        self._release(name)
        del self._loaded[name]
        log.info("models dropped", extra={"models": [name]})

    def _load(self, name: str) -> "Painter":
        from engine.painters import accelerated, load_painter
        from engine.vqgan_clip.painter import VqganClip

        painter = load_painter(name, str(self._device), self._settings.precision)
        if isinstance(painter, VqganClip):
            self._check(painter.models)
        painter = accelerated(painter, self._settings)
        if name != self._settings.models:
            log.info("models loaded", extra={"models": [name], "device": str(painter.device)})
        return painter
