"""Paint the recipes of `same_bytes` with the version of the program that is in the working folder.

Run as a script, never imported: only the engine's command line, recipe files and, where there is no
command, the few names of `NAMES` are used, so that versions with another layout can be painted too.
"""

import contextlib
import importlib
import io
import json
import runpy
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = {
    "Generation": ("engine.vqgan_clip.generation:Generation", "engine.generation:Generation"),
    "dump": (
        "engine.vqgan_clip.checkpoints:dump",
        "engine.vqgan_clip.checkpoints:dump_checkpoint",
        "engine.checkpoints:dump",
    ),
    "load": (
        "engine.vqgan_clip.checkpoints:load",
        "engine.vqgan_clip.checkpoints:load_checkpoint",
        "engine.checkpoints:load",
    ),
    "finished_picture": ("engine.painting:finished_picture",),
    "load_models": ("engine:load_models",),
    "read_recipe": ("engine:read_recipe",),
    "save_painting": ("engine:save_painting",),
    "varied": (
        "engine:varied",
        "engine:variation_of",
        "engine.editing.followups:variation_of",
    ),
}
"""Where a function or class may be, the newest place first."""

PROMPT = "a red circle on a blue background"
EDIT_PROMPT = "a yellow square on a green background"
STEPS = "12"
ROUNDS = ("--steps", "6", "--more", "4", "--more", "2")
INTERRUPTED_AT = 7
"""Steps before the checkpoint of the resumed run, inside its second round."""


def main() -> None:
    """Paint into the folder that is named, or resume the checkpoint that is in it."""
    action, folder = sys.argv[1], Path(sys.argv[2])
    sys.path.insert(0, str(Path.cwd()))  # Python is started with -P
    engine = importlib.import_module("engine")
    assert Path(engine.__file__ or "").is_relative_to(Path.cwd()), engine.__file__
    for name, paint in (_cases() if action == "paint" else {"resumed": _resume}).items():
        try:
            paint(folder, name)
        except Exception:
            print(f"{name}:", file=sys.stderr)
            traceback.print_exc()


def _cases() -> dict[str, Callable[[Path, str], None]]:
    """Return what to paint, in this order; later cases start from the pictures of earlier ones."""
    return {
        "codes": _imagine(PROMPT, "--steps", STEPS),
        "noise": _changed(start="noise"),
        "initial image": _imagine(PROMPT, "--steps", STEPS, "--init-image", "scene.png"),
        "codebook-sampling": _changed(quantization="codebook-sampling"),
        "no quantisation": _changed(quantization="none"),
        "mask edit": _edit("--mask", "mask.png"),
        "keep edit": _edit("--keep", "0.6"),
        "image prompt": _imagine(PROMPT, "--steps", STEPS, "--like", "scene.png"),
        "weighted prompts": _imagine("a red circle:2 | a green square:-0.5", "--steps", STEPS),
        "further rounds": _imagine(PROMPT, *ROUNDS),
        "variation": _vary,
        "resumed": _interrupt,
    }


def _imagine(prompt: str, *options: str) -> Callable[[Path, str], None]:
    def paint(folder: Path, name: str) -> None:
        _command(folder, name, "imagine", prompt, "--seed", "20221023", *options)

    return paint


def _edit(*options: str) -> Callable[[Path, str], None]:
    def paint(folder: Path, name: str) -> None:
        seed = ("--seed", "20221024")
        _command(folder, name, "edit", "scene.png", EDIT_PROMPT, *seed, "--steps", STEPS, *options)

    return paint


def _changed(**changes: object) -> Callable[[Path, str], None]:
    """Paint the recipe of the first picture with other values, for which there is no option."""

    def paint(folder: Path, name: str) -> None:
        recipe = json.loads(_run_engine("recipe", str(folder / "codes.png")))
        (folder / "recipe.json").write_text(json.dumps({**recipe, **changes}))
        _command(folder, name, "imagine", "--recipe", "recipe.json")

    return paint


def _vary(folder: Path, name: str) -> None:
    """Paint a variation of the first picture."""
    recipe = _find("read_recipe")(folder / "codes.png")
    picture = (folder / "codes.png").read_bytes()
    varied = _find("varied")(recipe, picture, seed=20_221_025)
    (folder / "recipe.json").write_text(varied.to_json())
    _command(folder, name, "imagine", "--recipe", "recipe.json")


def _interrupt(folder: Path, name: str) -> None:
    """Paint a part of the picture with further rounds, and save a checkpoint."""
    generation = _generation(folder)
    while generation.steps_done < INTERRUPTED_AT:
        generation.step()
    checkpoint = _find("dump")(generation.state_dict(), generation.recipe)
    (folder / f"{name}.checkpoint").write_bytes(checkpoint)


def _resume(folder: Path, name: str) -> None:
    """Load the checkpoint, and take the remaining steps."""
    generation = _generation(folder)
    checkpoint = (folder / f"{name}.checkpoint").read_bytes()
    generation.load_state_dict(_find("load")(checkpoint, generation.recipe))
    assert generation.steps_done == INTERRUPTED_AT
    while generation.steps_done < generation.recipe.total_steps:
        generation.step()
    picture = _find("finished_picture")(generation)
    digests = generation.models.digests
    _find("save_painting")(picture, folder / f"{name}.png", generation.recipe, digests)


def _generation(folder: Path) -> Any:
    import torch

    torch.set_num_threads(1)
    recipe = _find("read_recipe")(folder / "further rounds.png")
    models = _find("load_models")("demo", "cpu", "float32")
    return _find("Generation")(recipe, models)


def _command(folder: Path, name: str, *arguments: str) -> None:
    """Run a command that paints; files it reads are named as they are in the folder."""
    named = [str(folder / each) if (folder / each).is_file() else each for each in arguments]
    common = ("--config", str(folder / "config.toml"), "--out", str(folder / f"{name}.png"))
    _run_engine(*named, *common)


def _run_engine(*arguments: str) -> str:
    """Run `python -m engine` in this process, which has loaded torch; what it prints."""
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    said = io.StringIO()
    sys.argv = ["engine", *arguments]
    code: object = 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
        try:
            runpy.run_module("engine", run_name="__main__")
        except SystemExit as end:
            code = end.code
    if code:
        raise RuntimeError(f"python -m engine ended with {code}: {said.getvalue()[-500:]}")
    printed.seek(0)
    return printed.read()


def _find(name: str) -> Any:
    """Something of the engine, wherever this version has it."""
    for place in NAMES[name]:
        module, _, attribute = place.partition(":")
        with contextlib.suppress(ImportError, AttributeError):
            return getattr(importlib.import_module(module), attribute)
    raise LookupError(f"add where {name} is in this version to NAMES in {__file__}")


if __name__ == "__main__":
    main()
