"""Having the files of models downloaded and converted in the engine thread, and telling how far."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError

from bot.scheduling.loading import ModelLoading
from engine.weights.downloads import DownloadProgress, Missing
from engine.weights.registry_entries import WeightsFile
from engine.weights.settings import WeightsSettings

log = logging.getLogger(__name__)

LOG_SECONDS = 10.0
"""Seconds between two log lines about the progress of a download."""


class ModelFiles:
    """Makes sure that the files of models are here; `loading` says how far that is."""

    def __init__(
        self, settings: WeightsSettings, loading: ModelLoading, is_closed: Callable[[], bool]
    ) -> None:
        self._settings = settings
        self._loading = loading
        self._is_closed = is_closed
        self._logged_at = float("-inf")
        """Monotonic time of the last log line about a download."""

    def prepare(self, models: str) -> None:
        """Download and convert what is missing of some models, which can take an hour.

        Raises `CancelledError` if `is_closed` says that the program ends, `WeightsError` and
        `ModelError` as `engine.preparation.prepare_models` does.
        """
        from engine.preparation import missing_files, prepare_models

        missing = missing_files(models, self._settings)
        if missing.entries and not self._settings.is_offline:
            self._announce(models, missing)
        prepare_models(
            models,
            self._settings,
            fetches=True,
            progress=self._follow,
            notify=lambda notice: log.warning("a download is held up", extra={"cause": notice}),
        )
        self._loading.downloads = None

    def _announce(self, models: str, missing: Missing) -> None:
        """Log what will be downloaded, and begin to follow it."""
        self._loading.downloads = DownloadProgress(missing)
        told = {
            "models": [models],
            "size": missing.size_text,
            "duration": missing.time_text,
            "licence": missing.licence_text,
        }
        log.info("models are missing, downloading them", extra=told)

    def _follow(self, file: WeightsFile, done: int, total: int) -> None:
        """Log the progress of a download now and then; end it if the program ends."""
        if self._is_closed():
            raise CancelledError
        downloads = self._loading.downloads
        if downloads is not None:
            downloads.update(file, done)
        now = time.monotonic()
        if now - self._logged_at < LOG_SECONDS:
            return
        self._logged_at = now
        percent = round(100 * done / total) if total else None
        extra: dict[str, object] = {"file": file.file, "bytes": done, "percent": percent}
        if downloads is not None and downloads.share is not None:
            extra |= {"percent_of_all": round(100 * downloads.share)}
        if downloads is not None and downloads.seconds_left is not None:
            extra |= {"seconds_left": round(downloads.seconds_left)}
        log.info("fetching weights", extra=extra)
