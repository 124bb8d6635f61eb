"""Run the stages of the training, each resumable after a kill at any point."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from engine.demo import parallel
from engine.demo.scene_models.clip import CONFIG, PHASES, ClipLesson
from engine.demo.scene_models.pictures import draw_scenes
from engine.demo.scene_models.vqgan import CONFIG as VQGAN_CONFIG
from engine.demo.scene_models.vqgan import VQGANLesson
from engine.models.loading import load_vqgan, load_weights, save_weights

STAGES = ("pictures", "vqgan", *(phase.name for phase in PHASES))
"""Stages of the training in their order; each needs the results of those before it."""
VQGAN_FILE, CLIP_FILE = "scenes-vqgan.safetensors", "scenes-clip.safetensors"

SAVE_EVERY = 100
"""Number of steps between two states on disk."""


class Lesson(Protocol):
    """A model in training, of which each step's random numbers depend on the step's number."""

    steps: int

    def step(self, number: int) -> dict[str, float]:
        """Take the step of this number, from 0, and return the losses."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        ...


def make_scene_models(
    work: Path, seed: int, processes: int, stages: Sequence[str] = STAGES
) -> None:
    """Run `stages` in order, and keep everything in the folder `work`.

    In the end the pair is in `VQGAN_FILE` and `CLIP_FILE` there. A stage that was killed goes on
    from its last state, with as many processes as before; one that is complete takes no steps.
    """
    work.mkdir(parents=True, exist_ok=True)
    draw_scenes(work, seed, processes)
    for stage in stages:
        if stage == "vqgan":
            parallel.run_in_processes(processes, _make_vqgan, work, seed)
        elif stage != "pictures":
            parallel.run_in_processes(processes, _make_clip, work, seed, stage)


def _make_vqgan(work: Path, seed: int) -> None:
    torch.set_flush_denormal(True)  # denormal gradients of gradients make a CPU very slow
    lesson = VQGANLesson(draw_scenes(work, seed, 1), seed)
    run(lesson, "VQGAN", work / "vqgan")
    if parallel.is_first():
        save_weights(lesson.finished(), VQGAN_CONFIG.to_dict(), work / VQGAN_FILE)


def _make_clip(work: Path, seed: int, stage: str) -> None:
    torch.set_flush_denormal(True)
    number = [phase.name for phase in PHASES].index(stage)
    phase = PHASES[number]
    start = None
    if number:
        start = load_weights(work / f"clip-{PHASES[number - 1].name}.safetensors")
    vqgan = load_vqgan(work / VQGAN_FILE) if phase.guided else None
    lesson = ClipLesson(phase, draw_scenes(work, seed, 1), vqgan, seed, start)
    run(lesson, f"CLIP, {stage}", work / f"clip-{stage}")
    if parallel.is_first():
        names = [f"clip-{stage}.safetensors"]
        if phase is PHASES[-1]:
            names.append(CLIP_FILE)
        for name in names:
            save_weights(lesson.average.module, CONFIG, work / name)


def run(lesson: Lesson, name: str, path: Path) -> None:
    """Take all steps that are missing, and keep the file `path` current.

    Each process has its own file, and the one before it: they may be killed when only some have
    saved a step. All continue from the newest step that every one has.
    """
    path = path.with_name(f"{path.name}-{parallel.rank()}.pt")
    previous = path.with_suffix(".previous")
    saved = [torch.load(each, weights_only=True) for each in (path, previous) if each.exists()]
    done = parallel.least(max((state["done"] for state in saved), default=0))
    for state in saved:
        if state["done"] == done:
            lesson.load_state_dict(state["lesson"])
    began, first = time.monotonic(), done
    total: dict[str, float] = {}
    for number in range(done, lesson.steps):
        for key, value in lesson.step(number).items():
            total[key] = total.get(key, value) * 0.95 + value * 0.05
        done = number + 1
        if done % SAVE_EVERY == 0 or done == lesson.steps:
            if path.exists():
                path.replace(previous)
            save({"done": done, "lesson": lesson.state_dict()}, path)
        if parallel.is_first() and (done % 25 == 0 or done < 4):
            speed = (time.monotonic() - began) / (done - first)
            text = ", ".join(f"{key} {value:.4f}" for key, value in total.items())
            print(f"{name} {done}/{lesson.steps}, {speed:.2f} s a step: {text}", flush=True)


def save(state: dict[str, Any], path: Path) -> None:
    """Replace the file at `path` as a whole."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
