"""Measure the stages of the engine's step, and its share of the machine's peak."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.lib.machine import measure_peak, seconds_of
from engine.vqgan_clip.memory_plan import PLANS

if TYPE_CHECKING:
    import torch

    from benchmarks.lib.baseline import PlainModels
    from benchmarks.lib.engines import Engine
    from engine.models.loading import Models
    from engine.vqgan_clip.generation import Generation

Call = Callable[[], object]
STAGES = ("quantize", "decode", "cutouts", "perceptor", "loss", "backward", "optimize")
"""The parts of a step, in the order in which it takes them."""
WARM_UPS, STEPS = 2, 3


def breakdown(engine: "Engine", sides: Sequence[int], cutouts: int) -> list[dict[str, Any]]:
    """Measure the seconds of each stage of a step with torch's profiler."""
    import torch

    models = engine.models()
    print("\n### Where the time goes\n")
    print(f"| side | cutouts | {' | '.join(f'{stage}, s' for stage in STAGES)} | whole step, s |")
    print("|---" * (len(STAGES) + 3) + "|")
    rows = []
    for side in sides:
        run = _warm_run(engine, models, side, cutouts)
        whole = median(seconds_of(run.step, torch.device(engine.device)) for _ in range(STEPS))
        taken = _stages(run, torch.device(engine.device))
        cells = [f"{taken[s]:.4g} ({taken[s] / whole:.0%})" if s in taken else "–" for s in STAGES]
        print(f"| {side} | {cutouts} | {' | '.join(cells)} | {whole:.4g} |", flush=True)
        rows.append({"side": side, "cutouts": cutouts, "stages": taken, "whole": whole})
    return rows


def _stages(run: "Generation", device: "torch.device") -> dict[str, float]:
    """Measure the seconds per step of each stage; on CUDA, those of its work on the device."""
    from torch.profiler import DeviceType, ProfilerActivity, profile

    activities = [ProfilerActivity.CPU]
    on_cuda = device.type == "cuda"
    if on_cuda:
        activities.append(ProfilerActivity.CUDA)
    with _stages_named(run.models), profile(activities=activities) as profiled:
        for _ in range(STEPS):
            seconds_of(run.step, device)
    device_type = DeviceType.CUDA if on_cuda else DeviceType.CPU
    seconds: dict[str, float] = {}
    for row in profiled.key_averages():
        if row.key in STAGES and row.device_type == device_type:
            microseconds = row.device_time_total if on_cuda else row.cpu_time_total
            seconds[row.key] = seconds.get(row.key, 0.0) + microseconds / 1e6 / STEPS
    return seconds


@contextmanager
def _stages_named(models: "Models") -> Iterator[None]:
    """Have the profiler see each stage of a step as a range of its own."""
    import torch
    from torch.profiler import record_function

    from engine.vqgan_clip import embedding, loop

    functions: tuple[tuple[Any, str], ...] = (
        (loop, "settle"),
        (type(models.generator), "decode"),
        (embedding, "cut_views"),
        (embedding, "encode_views"),
        (loop, "objective"),
        (torch.Tensor, "backward"),
        (loop, "apply_gradient"),
    )

    def named(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with record_function(stage):
                return function(*args, **kwargs)

        return call

    with ExitStack() as patches:
        for stage, (owner, name) in zip(STAGES, functions, strict=True):
            patches.enter_context(patch.object(owner, name, named(stage, getattr(owner, name))))
        yield


def shares(engine: "Engine", sides: Sequence[int], cutouts: int) -> dict[str, Any]:
    """Measure the share of the machine's peak that a step and each of its networks reach.

    Operations are those of the baseline's modules, even if the engine does more or fewer.
    """
    import torch

    from benchmarks.lib.baseline import plain_pair

    device, models, plain = torch.device(engine.device), engine.models(), plain_pair(engine.device)
    precision = _precision(models)
    peaks = {each: measure_peak(device, each) for each in (precision, torch.float32)}
    print("\n### The machine's peak\n")
    print("| precision | matrix product, TFLOP/s | convolution, TFLOP/s |\n|---|---|---|")
    for peak in peaks.values():
        print(f"| {peak.precision} | {peak.matrices / 1e12:.3g} | {peak.convolution / 1e12:.3g} |")
    ours, theirs = peaks[precision], peaks[torch.float32]
    print("\n### Share of the peak\n")
    print(
        f"| part | side | cutouts | TFLOP | engine, s | TFLOP/s | share of {ours.precision}'s peak "
        f"| baseline, s | TFLOP/s | share of {theirs.precision}'s peak |"
    )
    print("|---" * 10 + "|")
    rows = []
    for side in sides:
        for name, (call, plain_call) in _calls(engine, models, plain, side, cutouts).items():
            operations = _count_operations(plain_call)
            cells, row = [], {"what": name, "side": side, "cutouts": cutouts}
            for whose, each, peak in (("ours", call, ours), ("theirs", plain_call, theirs)):
                for _ in range(WARM_UPS):
                    each()
                taken = median(seconds_of(each, device) for _ in range(STEPS))
                speed, share = operations / taken, operations / taken / peak.best
                cells += [f"{taken:.4g}", f"{speed / 1e12:.3g}", f"{share:.0%}"]
                row[whose] = {"seconds": taken, "share": share}
            print(
                f"| {name} | {side} | {cutouts} | {operations / 1e12:.3g} | {' | '.join(cells)} |",
                flush=True,
            )
            rows.append(row | {"operations": operations})
    return {"peaks": [asdict(peak) for peak in peaks.values()], "shares": rows}


def _calls(
    engine: "Engine", models: "Models", plain: "PlainModels", side: int, cutouts: int
) -> dict[str, tuple[Call, Call]]:
    """Return calls of a step, of the decoder and of the perceptor, by engine and baseline.

    Calls of the networks include the backward pass to their inputs.
    """
    import torch

    from benchmarks.lib.architectures import paper_recipe
    from benchmarks.lib.baseline import Baseline
    from engine.vqgan_clip.generation import Generation

    recipe = paper_recipe(side, cutouts)
    run, baseline = Generation(recipe, models, PLANS[engine.plan]), Baseline(recipe, plain)
    latent = baseline.latent.detach().clone().requires_grad_()
    perceptor, vqgan = models.perceptors[0], plain.vqgan
    shape = (cutouts, 3, perceptor.input_size, perceptor.input_size)
    views = torch.rand(shape, device=models.device).requires_grad_()

    def backward(result: torch.Tensor) -> None:
        result.float().square().mean().backward()

    return {
        "a step": (run.step, baseline.step),
        "the decoder": (
            lambda: backward(models.generator.decode((latent,))),
            lambda: backward(vqgan.decoder(vqgan.post_quant_conv(latent))),
        ),
        "the perceptor": (
            lambda: backward(perceptor.encode_image(views)),
            lambda: backward(plain.clip.encode_image(views)),
        ),
    }


def _warm_run(engine: "Engine", models: "Models", side: int, cutouts: int) -> "Generation":
    from benchmarks.lib.architectures import paper_recipe
    from engine.vqgan_clip.generation import Generation

    run = Generation(paper_recipe(side, cutouts), models, PLANS[engine.plan])
    for _ in range(WARM_UPS):
        run.step()
    return run


def _count_operations(call: Call) -> int:
    """Count floating point operations of products, convolutions and attention in both passes."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def _precision(models: "Models") -> "torch.dtype":
    """Return the data type of most of the decoder's weights."""
    from engine.models.latent_generator import vqgan_of

    weights: dict[Any, int] = {}
    module = vqgan_of(models.generator)
    for name, parameter in module.named_parameters():
        if name.startswith("decoder."):
            weights[parameter.dtype] = weights.get(parameter.dtype, 0) + parameter.numel()
    return max(weights, key=lambda each: weights[each])
