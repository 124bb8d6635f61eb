"""`python -m engine.demo train`: train the demo models from their own drawings.

`python -m engine.demo train-scenes` trains the pair that paints scenes, `python -m engine.demo
draw` draws such scenes, and `python -m engine.demo fit-judge` makes the file of their judge.

The result depends on the seed, the number of processes and the rounding of the machine. On another
machine the same command gives models like the shipped ones, but not the same bytes.
"""

import argparse
import os
from pathlib import Path

from engine.demo.scene_models.command import add_scene_training
from engine.demo.scenes.fit_judge import add_fitting
from engine.demo.scenes.sheet import add_drawing
from engine.demo.training import (
    PHASES,
    make_clip,
    make_diffusion,
    make_judge,
    make_open_edit,
    make_transformer,
    make_vqgan,
)
from engine.errors import EngineError
from engine.models.catalogue import find_models

STAGES = ("vqgan", "clip", "judge", "transformer", "diffusion", "open-edit")
"""Stages of the training in their order: the CLIP is trained to guide the finished VQGAN, and the
transformer to write its codes; the judge sees what its spoiled codes look like, and nothing of the
CLIP. The diffusion models and those of Open-Edit need no other."""
TRANSFORMER, JUDGE = "transformer.safetensors", "judge.safetensors"


def main() -> None:
    """Parse the command line and run the command that it names."""
    parser = argparse.ArgumentParser(prog="python -m engine.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_training(commands.add_parser("train", help="train the demo models"))
    add_scene_training(commands.add_parser("train-scenes", help="train the models of the scenes"))
    add_drawing(commands.add_parser("draw", help="draw scenes into a sheet"))
    add_fitting(commands.add_parser("fit-judge", help="make the file of the judge of scenes"))
    options = parser.parse_args()
    try:
        options.run(options)
    except EngineError as error:
        parser.error(str(error))


def _add_training(parser: argparse.ArgumentParser) -> None:
    shipped = find_models("demo")
    parser.set_defaults(run=_train)
    parser.add_argument("--stage", choices=STAGES, help="train only this one (default: all)")
    parser.add_argument(
        "--phase",
        choices=PHASES,
        default=PHASES[0],
        help="resume the training of the existing CLIP with this phase",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--out",
        type=Path,
        default=shipped.generator.parent,
        help="folder for the weights (default: the folder of the shipped ones)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="number of processes that train the CLIP together (default: one per core)",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        help="file in which the training of the transformer is saved, and continues if it exists; "
        "the diffusion models have files beside it, with their names before its own",
    )


def _train(options: argparse.Namespace) -> None:
    """Train the stages that the options name."""
    shipped = find_models("demo")
    options.out.mkdir(parents=True, exist_ok=True)
    vqgan = options.out / shipped.generator.name
    clip = options.out / shipped.perceptors[0].name
    if options.stage in (None, "vqgan"):
        make_vqgan(vqgan, options.seed)
    if options.stage in (None, "clip"):
        make_clip(vqgan, clip, options.seed, processes=options.processes, first_phase=options.phase)
    if options.stage in (None, "judge"):
        make_judge(vqgan, options.out / JUDGE, options.seed)
    if options.stage in (None, "transformer"):
        path = options.out / TRANSFORMER
        make_transformer(vqgan, path, options.seed, checkpoint=options.checkpoint)
    if options.stage in (None, "diffusion"):
        make_diffusion(options.out, options.seed, checkpoint=options.checkpoint)
    if options.stage in (None, "open-edit"):
        make_open_edit(options.out, options.seed)


if __name__ == "__main__":
    main()
