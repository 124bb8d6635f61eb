import torch

from engine.demo.language import embed, insert_odd_words, language_loss
from engine.demo.train_clip import CONFIG
from engine.models.catalogue import find_models
from engine.models.clip import ClipPerceptor, build_clip
from engine.models.loading import load_clip


def test_odd_words_leave_start_end_and_the_order_of_the_words() -> None:
    _, tokenizer = build_clip(CONFIG)
    before = tokenizer(["a red circle on a blue background"] * 200)
    after = insert_odd_words(before.clone(), torch.Generator().manual_seed(1))
    changed = (before != after).any(1)
    assert 30 < changed.sum() < 90
    words = before[0, : int(before[0].argmax()) + 1].tolist()
    for row in after[changed]:
        rest = iter(row[: int(row.argmax()) + 1].tolist())
        assert all(word in rest for word in words)


def test_leaving_out_the_empty_places_does_not_change_what_is_read() -> None:
    perceptor = load_clip(find_models("demo").perceptors[0])
    texts = ["a red circle on a blue background", "star", "nothing on white, please"]
    short = embed(perceptor, perceptor.tokenizer(texts))
    assert (short * perceptor.encode_text(texts)).sum(1).min() > 0.999


def test_the_shipped_text_tower_has_learned_its_lesson_and_an_untrained_one_has_not() -> None:
    shipped = load_clip(find_models("demo").perceptors[0])
    untrained = ClipPerceptor(*build_clip(CONFIG))
    random = torch.Generator().manual_seed(2)
    assert language_loss(shipped, random) < 0.1
    assert language_loss(untrained, random) > 0.5
