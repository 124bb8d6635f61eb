from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from engine.demo.train_clip import PHASES, train_clip
from engine.models.catalogue import find_models
from engine.models.loading import load_vqgan, load_weights

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_batches")]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Train as the program does: only then the order of all sums is fixed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_training_is_seeded_and_leaves_the_global_generator_alone() -> None:
    vqgan = load_vqgan(find_models("demo").generator)
    state = torch.get_rng_state()
    # The last phase has all the losses of the two before it.
    phases = [replace(phase, steps=1) for phase in (*PHASES[:2], PHASES[-1])]
    first, second = (train_clip(vqgan, seed=3, phases=phases) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_each_phase_trains_one_tower_and_leaves_the_other_alone() -> None:
    vqgan = load_vqgan(find_models("demo").generator)
    start = train_clip(vqgan, seed=3, phases=[]).state_dict()
    for phase in PHASES[:2]:
        trained = train_clip(vqgan, seed=3, phases=[replace(phase, steps=2)]).state_dict()
        changed = {name for name, value in trained.items() if not torch.equal(value, start[name])}
        assert changed
        assert {name.startswith("visual.") for name in changed} == {not phase.language}


def test_training_goes_on_from_the_shipped_weights() -> None:
    models = find_models("demo")
    start = load_weights(models.perceptors[0])
    trained = train_clip(load_vqgan(models.generator), seed=3, phases=[], start=start).state_dict()
    for name, value in start.items():
        assert torch.equal(trained[name], value), name
