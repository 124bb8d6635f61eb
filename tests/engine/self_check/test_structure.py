"""At full size, an architecture is compared with what the publisher of its weights says."""

from typing import Any

import pytest

from engine.conversion.perceptor import clip_config
from engine.self_check.results import Cause
from engine.self_check.structure import check_structure, publisher_says
from engine.weights.registry import shipped_registry

REGISTRY = shipped_registry()
TOKENIZER = "0" * 64


def mirrors_of(name: str) -> tuple[str, ...]:
    return REGISTRY.files[REGISTRY.perceptors[name].checkpoint].mirrors


def config_of(name: str) -> dict[str, Any]:
    entry = REGISTRY.perceptors[name]
    return clip_config(entry.open_clip, "safetensors", TOKENIZER if entry.tokenizer else None)


@pytest.mark.parametrize("name", REGISTRY.perceptors)
def test_the_publisher_says_what_the_registry_says(name: str):
    entry = REGISTRY.perceptors[name]
    assert publisher_says(entry, mirrors_of(name)) is not None
    assert check_structure(entry, mirrors_of(name), config_of(name)) == ()


@pytest.mark.parametrize(
    ("name", "change", "cause"),
    [
        ("clip-vit-b-32", {"quick_gelu": False}, Cause.ACTIVATION),
        ("laion-vit-b-32", {"quick_gelu": True}, Cause.ACTIVATION),
        ("clip-vit-b-16", {"mean": [0.5] * 3, "std": [0.5] * 3}, Cause.NORMALIZATION),
        ("siglip2-b-16", {"mean": [0.48145466, 0.4578275, 0.40821073]}, Cause.NORMALIZATION),
        ("siglip2-b-16", {"tokenizer": "simple"}, Cause.WORDS),
        ("clip-vit-l-14", {"tokenizer": {"sha256": TOKENIZER}}, Cause.WORDS),
        ("clip-vit-b-32", {"embed_dim": 640}, Cause.CONFIGURATION),
    ],
)
def test_what_differs_is_named(name: str, change: dict[str, Any], cause: Cause):
    changed = config_of(name) | change
    assert check_structure(REGISTRY.perceptors[name], mirrors_of(name), changed) == (cause,)


def test_an_entry_that_names_other_weights_than_its_address_is_caught():
    entry = REGISTRY.perceptors["clip-vit-b-32"].model_copy(
        update={"open_clip": "ViT-B-32:laion2b_s34b_b79k"}
    )
    config = clip_config(entry.open_clip, "safetensors")
    assert check_structure(entry, mirrors_of("clip-vit-b-32"), config) == (Cause.ACTIVATION,)
