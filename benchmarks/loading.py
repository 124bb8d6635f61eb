"""Measure the time and memory to load the paper's pair, at the first start and at later ones.

Random weights of the real sizes (VQGAN ImageNet f16 16384 and CLIP ViT-B/32) are written in the
published formats into a temporary folder. Then new processes convert them, load them and read each
weight once. Times do not include Python's imports, which have their own column. Memory is the
growth of resident memory after the imports. All files are in the system's cache, as right after a
download.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import psutil

CHECKPOINT_BYTES = 980_092_370
"""Size of the published VQGAN, of which a part is state of the training."""
ARCHITECTURE = "ViT-B-32-quickgelu"
CONFIG = """
model:
  target: taming.models.vqgan.VQModel
  params:
    embed_dim: 256
    n_embed: 16384
    ddconfig: {double_z: false, z_channels: 256, resolution: 256, in_channels: 3, out_ch: 3,
               ch: 128, ch_mult: [1, 1, 2, 2, 4], num_res_blocks: 2, attn_resolutions: [16],
               dropout: 0.0}
"""
_MIB = 2**20
_MEASURE = "--measure"


def main(arguments: list[str]) -> None:
    """Write the files, run the processes, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks loading", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="number of later starts")
    parser.add_argument(_MEASURE, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    if options.measure:
        print(json.dumps(_measure(options.measure)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _publish(folder)
        first = _start(folder)
        later = [_start(folder) for _ in range(options.repeats)]
    _report(first, {key: median(each[key] for each in later) for key in first})


def _publish(folder: Path) -> None:
    """Write the pair's files with random weights in the published formats."""
    import open_clip
    import torch

    from engine.conversion.architecture import read_architecture
    from engine.models.clip import build_clip
    from engine.models.vqgan import VQGAN

    (folder / "model.yaml").write_text(CONFIG)
    config: Any = open_clip.get_model_config(ARCHITECTURE)
    with torch.device("meta"):
        vqgan = VQGAN(read_architecture(folder / "model.yaml")).state_dict()
        clip = build_clip(config)[0].state_dict()
    random = torch.Generator().manual_seed(0)

    def drawn(shapes: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {
            name: torch.randn(each.shape, generator=random) / 50 for name, each in shapes.items()
        }

    rest = CHECKPOINT_BYTES // 4 - sum(each.numel() for each in vqgan.values())
    training = {"optimizer_states": [{"exp_avg": torch.randn(rest, generator=random)}]}
    torch.save({"state_dict": drawn(vqgan), **training}, folder / "last.ckpt")
    halves = {name: each.half() for name, each in drawn(clip).items()}
    torch.save(halves, folder / "ViT-B-32.pt")


def _start(folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks", "loading", _MEASURE, str(folder)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(ended.stdout.splitlines()[-1])


def _measure(folder: Path) -> dict[str, float]:
    """Measure one start: convert if needed, load, and read each weight like the first step."""
    began = time.perf_counter()
    import torch

    from engine.conversion.convert import convert_clip, convert_vqgan
    from engine.models.loading import load_clip, load_vqgan

    imported = time.perf_counter()
    before = psutil.Process().memory_info().rss
    vqgan, clip = folder / "vqgan.safetensors", folder / "clip.safetensors"
    convert_vqgan(folder / "last.ckpt", folder / "model.yaml", vqgan)
    convert_clip(folder / "ViT-B-32.pt", ARCHITECTURE, clip)
    converted = time.perf_counter()
    modules = (load_vqgan(vqgan), load_clip(clip))
    loaded = time.perf_counter()
    weights = [parameter for module in modules for parameter in module.parameters()]
    with torch.no_grad():
        assert all(weight.sum().isfinite() for weight in weights)
    return {
        "imports": imported - began,
        "convert": converted - imported,
        "load": loaded - converted,
        "read": time.perf_counter() - loaded,
        "peak": _peak_bytes() - before,
        "weights": sum(weight.numel() * weight.element_size() for weight in weights),
    }


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would include the process that this one was forked from
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _report(first: Mapping[str, float], later: Mapping[str, float]) -> None:
    print(f"weights: {later['weights'] / _MIB:,.0f} MiB\n")
    print("| start | convert | load | both | read every weight | peak / weights | imports |")
    print("|---|---|---|---|---|---|---|")
    for name, each in (("first", first), ("later", later)):
        both = each["convert"] + each["load"]
        print(
            f"| {name} | {each['convert']:.2f} s | {each['load']:.2f} s | {both:.2f} s "
            f"| {each['read']:.2f} s | {each['peak'] / each['weights']:.2f} "
            f"| {each['imports']:.1f} s |"
        )
    share = (later["convert"] + later["load"]) / (first["convert"] + first["load"])
    print(f"\na later start takes {share:.0%} of the first")
