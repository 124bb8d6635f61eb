"""The process of a painter as Ray starts it. Imported on the machine of the painter."""

import os
import socket
from pathlib import Path

from bot.cluster.painter_process import PainterProcess
from bot.timings import Timings
from engine.models.catalogue import add_models, add_upscaler
from engine.models.idle_threads import let_idle_threads_sleep
from engine.settings import EngineSettings
from engine.weights.settings import FOLDER_VARIABLE, WeightsSettings


class RayPainter(PainterProcess):
    """A painter that reports its log too. Ray calls its methods from several threads."""

    def __init__(
        self,
        version: str,
        settings: EngineSettings,
        weights: WeightsSettings,
        timings: Timings,
        sharing: int,
    ) -> None:
        let_idle_threads_sleep()
        if folder := os.environ.get(FOLDER_VARIABLE):  # where this machine has its weights
            weights = weights.model_copy(update={"folder": Path(folder)})
        add_models(weights)
        add_upscaler(settings.upscaler)
        super().__init__(version, settings, weights, timings, sharing)
        self.report_log()

    def where(self) -> tuple[str, str]:
        """Return the name of this machine, and the id that Ray has for it."""
        import ray

        return socket.gethostname(), ray.get_runtime_context().get_node_id()
