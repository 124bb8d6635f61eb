"""`python -m engine.demo train`: make the demo pair anew, from nothing but its own drawings.

The result depends on the seed, on the number of processes and on how the machine rounds: elsewhere
the same command makes a pair like the shipped one, not the same bits.
"""

import argparse
import os
from pathlib import Path

from engine.demo.training import PHASES, make_clip, make_vqgan
from engine.models.catalogue import find_models

STAGES = ("vqgan", "clip")
"""In their order: the CLIP is trained to guide the VQGAN that is there."""


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
        make_vqgan(vqgan, options.seed)
    if options.stage != "vqgan":
        make_clip(
            vqgan,
            clip,
            options.seed,
            processes=options.processes,
            first_phase=options.phase,
        )


if __name__ == "__main__":
    main()
