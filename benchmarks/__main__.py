"""Run one of the benchmarks: `python -m benchmarks NAME`."""

import importlib
import sys

BENCHMARKS = (
    "quality",
    "scenes",
    "scene-quality",
    "scene-figures",
    "rivals",
    "painters",
    "open-edit",
    "ablations",
    "presets",
    "stories",
    "masks",
    "tiles",
    "films",
    "restyle",
    "upscaling",
    "bot",
    "host-page",
    "hostile",
    "queue",
    "store",
    "gallery",
    "backups",
    "seats",
    "crash",
    "crowd",
    "first-picture",
    "memory",
    "kept",
    "pairs",
    "loading",
    "step",
    "gpu",
    "together",
    "paths",
    "same_bytes",
    "picture-filter",
)

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHMARKS:
        sys.exit(f"usage: python -m benchmarks {{{','.join(BENCHMARKS)}}} [--help]")
    importlib.import_module(f"benchmarks.{sys.argv[1].replace('-', '_')}").main(sys.argv[2:])
