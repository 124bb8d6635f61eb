"""`python -m engine.demo train-scenes`: train the pair that paints scenes."""

import argparse
import os
import shutil
from pathlib import Path

from engine.demo.scene_models.training import CLIP_FILE, STAGES, VQGAN_FILE, make_scene_models
from engine.models.catalogue import find_models

SEED = 1


def add_scene_training(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.set_defaults(run=_train)
    parser.add_argument(
        "work",
        type=Path,
        help="folder for the drawn pictures (2.5 GB) and the state of the training, which goes on "
        "from there when the command is called again",
    )
    parser.add_argument("--stage", choices=STAGES, help="only this one (default: all)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--out",
        type=Path,
        default=find_models("demo").generator.parent,
        help="folder for the weights (default: the folder of the shipped ones)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="number of processes that train together (default: one per core)",
    )


def _train(options: argparse.Namespace) -> None:
    """Run the stages, and copy the pair to the folder for the weights."""
    stages = (options.stage,) if options.stage else STAGES
    make_scene_models(options.work, options.seed, options.processes, stages)
    if options.stage in (None, STAGES[-1]):
        options.out.mkdir(parents=True, exist_ok=True)
        for name in (VQGAN_FILE, CLIP_FILE):
            shutil.copyfile(options.work / name, options.out / name)
