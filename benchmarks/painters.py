"""Time GLIDE and minDALL-E at their full size beside the published programs.

All have random weights, which cost as much as trained ones. The original GLIDE is in the wheel of
imagen-hub, a requirement of the checks. minDALL-E's is in the wheel of crfm-helm, which requires
far more than its blocks need; `--original` takes a folder with that wheel, unpacked:

    pip download --no-deps crfm-helm==0.5.16 && unzip crfm_helm-*.whl 'helm/*' -d FOLDER

Processor seconds count on a busy machine too, best with `--threads 1`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lib.machine import describe

PAINTERS = ("glide", "mindalle")


def main(arguments: Sequence[str]) -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks painters",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--painters", nargs="+", choices=PAINTERS, default=PAINTERS)
    parser.add_argument("--rounds", type=int, default=3, help="measured steps of each (default 3)")
    parser.add_argument("--threads", type=int, help="threads of torch (default: its own choice)")
    glide = parser.add_argument_group("GLIDE")
    glide.add_argument("--stages", nargs="+", choices=("base", "upsampler"))
    mindalle = parser.add_argument_group("minDALL-E")
    mindalle.add_argument("--original", type=Path, help="the unpacked wheel of crfm-helm")
    mindalle.add_argument("--layers", type=int, default=42, help="42 as published; fewer for speed")
    mindalle.add_argument("--candidates", type=int, default=5)
    options = parser.parse_args(arguments)
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    print(describe("cpu", ["python", "-m", "benchmarks", "painters", *arguments]), flush=True)
    if "glide" in options.painters:
        from benchmarks.lib.glide_times import compare_glide

        compare_glide(options.rounds, options.stages)
    if "mindalle" in options.painters:
        from benchmarks.lib.mindalle_times import compare_mindalle

        compare_mindalle(options.original, options.layers, options.candidates, options.rounds)
