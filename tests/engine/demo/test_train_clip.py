from dataclasses import replace

import torch

from engine.catalogue import find_models
from engine.clip import build_clip
from engine.demo.train_clip import CONFIG, PHASES, insert_odd_words, train_clip
from engine.models import load_vqgan


def test_odd_words_leave_start_end_and_the_order_of_the_words() -> None:
    _, tokenizer = build_clip(CONFIG)
    before = tokenizer(["a red circle on a blue background"] * 200)
    after = insert_odd_words(before.clone(), torch.Generator().manual_seed(1))
    changed = (before != after).any(1)
    assert 10 < changed.sum() < 60
    words = before[0, : int(before[0].argmax()) + 1].tolist()
    for row in after[changed]:
        rest = iter(row[: int(row.argmax()) + 1].tolist())
        assert all(word in rest for word in words)


def test_training_is_seeded_and_leaves_the_global_generator_alone() -> None:
    vqgan = load_vqgan(find_models("demo").generator)
    state = torch.get_rng_state()
    phases = [replace(phase, steps=1) for phase in PHASES]
    first, second = (train_clip(vqgan, seed=3, phases=phases) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
