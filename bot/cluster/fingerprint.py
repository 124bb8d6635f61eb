"""What tells whether two painters paint the same bytes."""

import hashlib
from dataclasses import astuple
from typing import TYPE_CHECKING

from bot.scheduling.seats import DeviceKind
from bot.worker.picture_progress import to_pixels
from engine.models.calibration import Machine
from engine.models.devices import make_of
from engine.models.processor import processor_name
from engine.presets import make_recipe, round_to_grid

if TYPE_CHECKING:
    import torch

    from engine.models.painter import Painter

SEED, SIDE = 20_221_024, 64


def kind_of(device: "torch.device", *, deterministic: bool) -> DeviceKind:
    """Return the kind of a device among those of several machines.

    A GPU's make tells. A processor's instructions and threads change the order of sums.
    """
    make = make_of(device)
    if device.type == "cpu":
        machine = Machine.current()
        digest = hashlib.sha256(repr(astuple(machine)).encode()).hexdigest()[:12]
        name = f"{processor_name()} ({machine.threads} threads)"
        return DeviceKind(name, runs=f"{make} {digest}" if deterministic else device.type)
    return DeviceKind(make, runs=make if deterministic else device.type)


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
