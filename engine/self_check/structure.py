"""Compare the architecture of converted weights with what their publisher says about them.

open_clip knows, for each of its published perceptors, where its file is, its activation and its
normalization. An entry of the registry is one of these if it has the same address, or if its
`open_clip` names the weights, as robust versions do that were made from published ones.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import open_clip

from engine.errors import ModelError
from engine.models.clip import SIMPLE_TOKENIZER, normalization, tokenizer_hash
from engine.self_check.results import Cause
from engine.weights.registry_entries import PerceptorEntry

_QUICK = "-quickgelu"
_HUB = "https://huggingface.co/"
_PARTS = ("embed_dim", "vision_cfg", "text_cfg")


def publisher_says(
    entry: PerceptorEntry, mirrors: Iterable[str]
) -> tuple[str, Mapping[str, Any]] | None:
    """Return open_clip's name of the architecture and its facts of these weights, if it knows them.

    `mirrors` are the addresses of the checkpoint.
    """
    architecture, _, weights = entry.open_clip.partition(":")
    addresses = tuple(mirrors)
    for name, tag in _published():
        facts: dict[str, Any] = open_clip.get_pretrained_cfg(name, tag)
        is_named = name == architecture and tag == weights
        if is_named or any(_is_at(facts, address) for address in addresses):
            return name, facts
    return None


def check_structure(
    entry: PerceptorEntry, mirrors: Iterable[str], config: Mapping[str, Any]
) -> tuple[Cause, ...]:
    """Return what is wrong with the architecture of a converted perceptor, as JSON values.

    Args:
        entry: its entry in the registry.
        mirrors: the addresses of its checkpoint.
        config: the architecture in its weights file.

    Raises:
        ModelError: open_clip does not know the architecture that the entry names.
    """
    said = publisher_says(entry, mirrors)
    name = entry.open_clip.partition(":")[0] if said is None else said[0]
    return tuple(dict.fromkeys(_differences(name, None if said is None else said[1], config)))


def _differences(
    name: str, facts: Mapping[str, Any] | None, config: Mapping[str, Any]
) -> Iterator[Cause]:
    published: Any = open_clip.get_model_config(name)
    if published is None:
        raise ModelError("open_clip knows no architecture {name}", name=repr(name))
    if any(config.get(part) != published[part] for part in _PARTS):
        yield Cause.CONFIGURATION
    is_quick = bool(published.get("quick_gelu")) if facts is None else bool(facts.get("quick_gelu"))
    if bool(config.get("quick_gelu")) != is_quick:
        yield Cause.ACTIVATION
    if facts is not None:
        expected = [list(facts["mean"]), list(facts["std"])]
        if [list(each) for each in normalization(dict(config))] != expected:
            yield Cause.NORMALIZATION
    has_file = tokenizer_hash(dict(config)) is not None
    needs_file = "hf_tokenizer_name" in published["text_cfg"]
    is_simple = config.get("tokenizer", SIMPLE_TOKENIZER) == SIMPLE_TOKENIZER
    if has_file != needs_file or is_simple == needs_file:
        yield Cause.WORDS


def _published() -> Iterator[tuple[str, str]]:
    """Yield the names of all weights, those of the architectures without -quickgelu first.

    open_clip lists OpenAI's weights under both, and corrects the activation when it loads them.
    """
    names = cast("list[tuple[str, str]]", open_clip.list_pretrained())
    yield from sorted(names, key=lambda each: each[0].endswith(_QUICK))


def _is_at(facts: Mapping[str, Any], address: str) -> bool:
    """Return True if an address is that of the weights with these facts."""
    hub = facts.get("hf_hub", "").rstrip("/")
    is_on_hub = bool(hub) and address.startswith(f"{_HUB}{hub}/")
    return is_on_hub or address == facts.get("url")
