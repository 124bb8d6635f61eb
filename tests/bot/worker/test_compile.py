"""Models compiled in the background: nobody waits, and later pictures are painted by them."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.settings import EngineSettings
from engine.vqgan_clip import compile
from tests.harness.bot_harness import (
    make_settings,
    open_studio,
    painted,
    pictures_of,
    recipe_of,
    until,
)

FIRST, SECOND = 7, 8
"""Seeds of pictures."""


# Torch looks at it while it compiles, and hides the warning from whoever does not make it an error.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
async def test_pictures_are_painted_by_compiled_models_once_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    users: list[str] = []

    def compile_graph(graph: Any, _: Any) -> Callable[..., Any]:
        def forward(*values: Any) -> Any:
            users.append(threading.current_thread().name)
            return graph.forward(*values)

        return forward

    compiler = partial(compile.Compiler, backend=compile_graph)
    monkeypatch.setattr(compile, "Compiler", compiler)
    caplog.set_level(logging.INFO, "engine.vqgan_clip.compile")
    engine = EngineSettings(threads=1, deterministic=False, compile=True)
    settings = make_settings(tmp_path / "data").model_copy(update={"engine": engine})
    async with open_studio(settings) as studio:
        await studio.imagine(seed=FIRST)
        await studio.all_told()
        await until(lambda: "the models are compiled" in caplog.text)
        assert "engine" not in users
        await studio.imagine(seed=SECOND)
        await studio.all_told()
        assert "engine" in users
        results = [m for thread in studio.channel.threads for m in painted(thread)]
        pictures = [await pictures_of(message)[0].read() for message in results]
    assert sorted(recipe_of(picture).seed for picture in pictures) == [FIRST, SECOND]
    torch.compiler.reset()
