"""The setting `[engine] compile`: pictures are painted by compiled models."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.settings import EngineSettings
from engine.vqgan_clip import compile
from tests.harness.bot_harness import make_settings, open_bot, painted, pictures_of, recipe_of

pytestmark = pytest.mark.slow

SEED = 7


# Torch reads the attribute while it compiles, and hides the warning unless warnings are errors.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
async def test_compile_setting_paints_with_compiled_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    users: list[str] = []

    def compile_graph(graph: Any, _: Any) -> Callable[..., Any]:
        def forward(*values: Any) -> Any:
            users.append(threading.current_thread().name)
            return graph.forward(*values)

        return forward

    compile_models = partial(compile.compile_models, backend=compile_graph)
    monkeypatch.setattr(compile, "compile_models", compile_models)
    engine = EngineSettings(threads=1, deterministic=False, compile=True)
    settings = make_settings(tmp_path / "data").model_copy(update={"engine": engine})
    async with open_bot(settings) as bot:
        await bot.imagine(seed=SEED)
        await bot.wait_until_notified()
        assert "engine" in users
        (result,) = painted(bot.thread())
        assert recipe_of(await pictures_of(result)[0].read()).seed == SEED
    torch.compiler.reset()
