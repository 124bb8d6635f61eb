"""Run the stages of the demo models' training and save the results."""

from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from engine.demo import (
    parallel,
    train_clip,
    train_diffusion,
    train_open_edit,
    train_transformer,
    train_vqgan,
)
from engine.models.loading import load_vqgan, load_weights, save_weights

PHASES = tuple(phase.name for phase in train_clip.PHASES)
"""Names of the phases of the CLIP's training, in their order."""


def make_vqgan(path: Path, seed: int) -> None:
    """Train the VQGAN and save it at `path`."""
    torch.set_flush_denormal(True)  # denormal gradients of gradients make a CPU very slow
    save_weights(train_vqgan.train_vqgan(seed), asdict(train_vqgan.CONFIG), path)


def make_clip(
    vqgan: Path, path: Path, seed: int, *, processes: int, first_phase: str = PHASES[0]
) -> None:
    """Train the CLIP for `vqgan` in several processes and save it at `path`.

    With a later `first_phase`, resume from the CLIP that is saved there.
    """
    parallel.run_in_processes(processes, _make_clip, vqgan, path, seed, first_phase)


def make_judge(vqgan: Path, path: Path, seed: int) -> None:
    """Train the CLIP that judges pictures and guides none, and save it at `path`."""
    torch.set_flush_denormal(True)
    judge = train_clip.train_clip(
        load_vqgan(vqgan), seed, train_clip.JUDGE_PHASES, config=train_clip.JUDGE_CONFIG
    )
    save_weights(judge, train_clip.JUDGE_CONFIG, path)


def make_open_edit(folder: Path, seed: int) -> None:
    """Train the models of Open-Edit and save them in `folder`."""
    torch.set_flush_denormal(True)
    train_open_edit.save_open_edit(*train_open_edit.train_open_edit(seed), folder, seed)


def _make_clip(vqgan: Path, path: Path, seed: int, first_phase: str) -> None:
    torch.set_flush_denormal(True)
    number = PHASES.index(first_phase)

    def save(clip: nn.Module) -> None:
        if parallel.is_first():
            save_weights(clip, train_clip.CONFIG, path)

    clip = train_clip.train_clip(
        load_vqgan(vqgan),
        seed,
        phases=train_clip.PHASES[number:],
        start=load_weights(path) if number else None,
        on_checkpoint=save,
    )
    save(clip)


def make_transformer(vqgan: Path, path: Path, seed: int, *, checkpoint: Path | None = None) -> None:
    """Train the transformer for `vqgan` and save it at `path`.

    The training's state is saved in the file `checkpoint` from time to time, and continues there.
    """
    torch.set_flush_denormal(True)
    transformer = train_transformer.train_transformer(load_vqgan(vqgan), seed, checkpoint)
    save_weights(transformer, asdict(transformer.config), path)


def make_diffusion(folder: Path, seed: int, *, checkpoint: Path | None = None) -> None:
    """Train the diffusion models and save each in `folder`.

    The state of each training is saved from time to time in a file beside `checkpoint`, with the
    model's name before its own, and continues there.
    """
    torch.set_flush_denormal(True)
    for name, plan in train_diffusion.PLANS.items():
        state = checkpoint and checkpoint.with_name(f"{name}-{checkpoint.name}")
        model = train_diffusion.train_diffusion(plan, seed, state)
        save_weights(model, plan.config.to_dict(), folder / f"{name}.safetensors")
