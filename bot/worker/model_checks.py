"""Checking published models by drawings when they are loaded first, once per file and machine.

Used by the engine thread only.
"""

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from bot.scheduling.loading import ModelLoading
from engine.weights.settings import WeightsSettings

if TYPE_CHECKING:
    from engine.models.loading import Models

log = logging.getLogger(__name__)


class ModelChecks:
    """Checks models, and tells `loading` what was found.

    `is_closed` says that the program ends, which ends a check too.
    """

    def __init__(
        self, settings: WeightsSettings, loading: ModelLoading, is_closed: Callable[[], bool]
    ) -> None:
        self._settings = settings
        self._loading = loading
        self._is_closed = is_closed

    def check(self, models: "Models") -> None:
        """Check models that were just loaded, if they are of the registry.

        Whatever is found, they paint: a person who sees the pictures judges better. A fault of the
        check is logged and changes nothing.
        """
        from engine.self_check.check import check_models
        from engine.self_check.report import verdict

        name = models.name
        if name in self._loading.verdicts or name not in self._settings.registry().models:
            return
        try:
            results = check_models(models, self._settings, again=False, tick=self._tick)
        except CancelledError:
            return
        except Exception:
            log.exception("models cannot be checked", extra={"models": [name]})
            return
        found = verdict(results)
        is_right = all(each.is_right for each in results)
        self._loading.verdicts[name] = None if is_right else found
        level = logging.INFO if is_right else logging.WARNING
        log.log(level, "models checked", extra={"models": [name], "found": str(found)})

    def _tick(self) -> None:
        if self._is_closed():
            raise CancelledError
