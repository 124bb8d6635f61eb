"""`python -m engine.demo train`: make the demo pair anew, from nothing but its own drawings.

The result depends on the seed, on the number of processes and on how the machine rounds: elsewhere
the same command makes a pair like the shipped one, not the same bits.
"""

import argparse
import os
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from engine.catalogue import find_models
from engine.demo import parallel, train_clip, train_vqgan
from engine.models import load_clip, load_vqgan, save_weights

STAGES = ("vqgan", "clip")
"""In their order: the CLIP is trained to guide the VQGAN that is there."""
PHASES = tuple(phase.name for phase in train_clip.PHASES)


def main() -> None:
    """Parse the command line and train what it names."""
    shipped = find_models("demo")
    parser = argparse.ArgumentParser(prog="python -m engine.demo", description=__doc__)
    parser.add_argument("command", choices=["train"])
    parser.add_argument("--stage", choices=STAGES, help="train this one only (default: both)")
    parser.add_argument(
        "--phase",
        choices=PHASES,
        default=PHASES[0],
        help="go on with this phase of the CLIP's training from the CLIP that is there",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--out",
        type=Path,
        default=shipped.generator.parent,
        help="folder for the weights (default: where the shipped ones are)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="that train the CLIP together (default: one for each core)",
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    vqgan = options.out / shipped.generator.name
    clip = options.out / shipped.perceptors[0].name
    if options.stage != "clip":
        torch.set_flush_denormal(True)
        save_weights(train_vqgan.train_vqgan(options.seed), asdict(train_vqgan.CONFIG), vqgan)
    if options.stage != "vqgan":
        parallel.run_in_processes(
            options.processes, _train_clip, vqgan, clip, options.seed, options.phase
        )


def _train_clip(vqgan: Path, path: Path, seed: int, first_phase: str) -> None:
    """Train the CLIP from its phase `first_phase` on and keep it at `path`."""
    torch.set_flush_denormal(True)  # tiny gradients of gradients make a CPU crawl
    number = PHASES.index(first_phase)

    def save(clip: nn.Module) -> None:
        if parallel.is_first():
            save_weights(clip, train_clip.CONFIG, path)

    clip = train_clip.train_clip(
        load_vqgan(vqgan),
        seed,
        phases=train_clip.PHASES[number:],
        start=load_clip(path).model if number else None,
        on_checkpoint=save,
    )
    save(clip)


if __name__ == "__main__":
    main()
