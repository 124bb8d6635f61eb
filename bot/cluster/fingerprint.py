"""What tells whether two painters paint the same bytes."""

import hashlib
from dataclasses import astuple
from typing import TYPE_CHECKING

from bot.worker.picture_progress import to_pixels
from engine.models.calibration import Machine
from engine.models.devices import make_of
from engine.models.processor import processor_name
from engine.presets import make_recipe, round_to_grid

if TYPE_CHECKING:
    import torch

    from engine.models.painter import Painter

SEED, SIDE = 20_221_024, 64


def make_among_machines(device: "torch.device") -> str:
    """Return the make of a device among those of several machines.

    A GPU's name tells. A processor's instructions and threads change the order of sums.
    """
    if device.type != "cpu":
        return make_of(device)
    machine = Machine.current()
    digest = hashlib.sha256(repr(astuple(machine)).encode()).hexdigest()[:8]
    return f"{processor_name()}, {machine.threads} threads, {digest}"


def fingerprint(painter: "Painter") -> str:
    """Return the digest of what a painter paints in the first step of a small picture."""
    size = round_to_grid((SIDE, SIDE), painter.name)
    recipe = make_recipe("a red circle", seed=SEED, models=painter.name, steps=2, size=size)
    run = painter.begin(recipe)
    run.step()
    digest = hashlib.sha256(to_pixels(run.image()).tobytes())
    for name, each in sorted(painter.digests.items()):
        digest.update(f"{name} {each}".encode())
    return digest.hexdigest()
