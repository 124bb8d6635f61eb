"""GLIDE's files in their published form, but small, from a server to models."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from engine.config_file import parse_table
from engine.errors import ModelError, WeightsError
from engine.glide import published
from engine.glide.config import UNetConfig
from engine.glide.painter import load_painter
from engine.glide.unet import UNet
from engine.models import catalogue
from engine.models.loading import load_module
from engine.preparation import missing_files, prepare_models
from engine.recipes.glide_recipe import GlideRecipe, Guidance
from engine.weights.settings import WeightsSettings
from tests.engine.conversion.fake_checkpoints import filled, poison
from tests.engine.glide import tiny
from tests.engine.weights.faulty_server import Mirror, reach_at_once

ROLES = ("base", "upsampler", "vocabulary", "merges")

Tensors = dict[str, Tensor]


BASE, UPSAMPLER = (
    replace(config, text=replace(config.text, vocabulary=600, words=()))
    for config in (tiny.BASE, tiny.UPSAMPLER)
)
"""Small models that read byte pairs."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_at_once(monkeypatch)
    sizes = {
        "PUBLISHED_BASE": BASE,
        "PUBLISHED_UPSAMPLER": UPSAMPLER,
        "CLIP_IMAGE": tiny.CLIP_IMAGE,
        "CLIP_TEXT": tiny.CLIP_TEXT,
    }
    for name, config in sizes.items():
        monkeypatch.setattr(published, name, config)
    monkeypatch.setattr("engine.models.catalogue.CATALOGUE", {})
    monkeypatch.setattr("engine.models.catalogue.PAINTERS", {})


@pytest.fixture
def mirrors() -> Iterator[dict[str, Mirror]]:
    """Serve two files of the tokenizer, which nobody reads here; tests add the others."""
    with ExitStack() as stack:
        yield {role: stack.enter_context(Mirror(content=role.encode())) for role in ROLES}


def tensors_of(config: UNetConfig, dtype: torch.dtype = torch.float32) -> Tensors:
    with torch.device("meta"):
        unet = UNet(config)
    return {name: tensor.to(dtype) for name, tensor in filled(unet).state_dict().items()}


def serve(mirror: Mirror, content: object, tmp_path: Path) -> None:
    path = tmp_path / "served.pt"
    torch.save(content, path)
    mirror.content = path.read_bytes()


def settings(mirrors: dict[str, Mirror], folder: Path, **changes: Any) -> WeightsSettings:
    """Return settings with models `tiny`, whose files the mirrors have."""
    painter = {"kind": "glide", "files": {role: f"tiny-{role}" for role in mirrors}, **changes}
    files = {
        f"tiny-{role}": {"mirrors": [mirror.url], "licence": f"the {role}'s", "about": 10**6}
        for role, mirror in mirrors.items()
    }
    tables = {"folder": str(folder), "files": files, "painters": {"tiny": painter}}
    return parse_table(tables, "weights", WeightsSettings)


def load(path: Path) -> UNet:
    return load_module(path, lambda config: UNet(UNetConfig.from_dict(config)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_files_are_fetched_and_converted_once(
    tmp_path: Path, mirrors: dict[str, Mirror], dtype: torch.dtype
):
    wanted = {"base": tensors_of(BASE, dtype), "upsampler": tensors_of(UPSAMPLER, dtype)}
    for role, tensors in wanted.items():
        serve(mirrors[role], tensors, tmp_path)
    host = settings(mirrors, tmp_path / "weights")
    missing = missing_files("tiny", host)
    assert missing.size_text == "about 4 MB"
    assert missing.licences == tuple(f"the {role}'s" for role in ROLES)
    with pytest.raises(WeightsError, match="need files that are not here: tiny-base, tiny-upsampl"):
        prepare_models("tiny", host, fetches=False)
    for fetches in (True, False):
        prepare_models("tiny", host, fetches=fetches)
        assert not missing_files("tiny", host).entries
        assert all(len(mirror.requests) == 1 for mirror in mirrors.values())
    files = catalogue.PAINTERS["tiny"].files
    assert files["vocabulary"].read_bytes() == b"vocabulary"
    for role, config in (("base", BASE), ("upsampler", UPSAMPLER)):
        unet = load(files[role])
        assert unet.config == config
        found = unet.state_dict()
        assert found.keys() == wanted[role].keys()
        for name, tensor in wanted[role].items():
            assert torch.equal(found[name], tensor.float())


def test_models_for_inpainting_see_more_channels(tmp_path: Path, mirrors: dict[str, Mirror]):
    for role, config in (("base", BASE), ("upsampler", UPSAMPLER)):
        serve(mirrors[role], tensors_of(replace(config, inpainting=True)), tmp_path)
    prepare_models("tiny", settings(mirrors, tmp_path / "a", inpainting=True), fetches=True)
    assert load(tmp_path / "a/tiny/tiny-base.safetensors").config.inpainting
    with pytest.raises(ModelError, match=r"'input_blocks.0.0.weight' has the shape \(32, 7,"):
        prepare_models("tiny", settings(mirrors, tmp_path / "b"), fetches=True)


def without_one(tensors: Tensors) -> object:
    del tensors["time_embed.0.weight"]
    return tensors


def with_one_more(tensors: Tensors) -> object:
    return tensors | {"extra.weight": torch.zeros(2)}


def misshapen(tensors: Tensors) -> object:
    return tensors | {"time_embed.0.weight": torch.zeros(2, 2)}


def not_finite(tensors: Tensors) -> object:
    tensors["time_embed.0.weight"][0, 0] = torch.nan
    return tensors


def whole(tensors: Tensors) -> object:
    return tensors | {"time_embed.0.bias": torch.zeros(128, dtype=torch.int64)}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without_one, "lacks 'time_embed.0.weight'"),
        (with_one_more, "has 'extra.weight', unknown"),
        (misshapen, "'time_embed.0.weight' has the shape"),
        (not_finite, "'time_embed.0.weight' contains values that are not finite"),
        (whole, "'time_embed.0.bias' has the type torch.int64"),
        (list, "has no tensors by name"),
    ],
)
def test_other_tensors_are_refused_by_name(
    tmp_path: Path, mirrors: dict[str, Mirror], spoil: Callable[[Tensors], object], told: str
):
    serve(mirrors["base"], spoil(tensors_of(BASE)), tmp_path)
    with pytest.raises(ModelError) as error:
        prepare_models("tiny", settings(mirrors, tmp_path / "w"), fetches=True)
    assert told in str(error.value)
    assert "tiny-base" in str(error.value)
    assert not list((tmp_path / "w").glob("tiny/*.safetensors"))


def test_nothing_in_a_file_is_run(tmp_path: Path, mirrors: dict[str, Mirror]):
    mirrors["base"].content = poison(tmp_path / "made")
    with pytest.raises(ModelError, match=r"asks for \w+\.mkdir, which is not a tensor"):
        prepare_models("tiny", settings(mirrors, tmp_path / "w"), fetches=True)
    assert not (tmp_path / "made").exists()


def test_a_truncated_file_is_refused(tmp_path: Path, mirrors: dict[str, Mirror]):
    serve(mirrors["base"], tensors_of(BASE), tmp_path)
    mirrors["base"].content = mirrors["base"].content[:-1000]
    with pytest.raises(ModelError, match="tiny-base is damaged or of an unknown format"):
        prepare_models("tiny", settings(mirrors, tmp_path / "w"), fetches=True)


@pytest.mark.parametrize("guidance", get_args(Guidance))
def test_files_of_all_parts_paint(tmp_path: Path, mirrors: dict[str, Mirror], guidance: Guidance):
    towers = {
        "clip-image": tiny.ClipImageTower(tiny.CLIP_IMAGE),
        "clip-text": tiny.ClipTextTower(tiny.CLIP_TEXT),
    }
    tokenizer = dict(zip(("vocabulary", "merges"), tiny.gpt2_files(tmp_path), strict=True))
    with ExitStack() as stack:
        for role, tower in towers.items():
            mirrors[role] = stack.enter_context(Mirror())
            serve(mirrors[role], tiny.randomized(tower).state_dict(), tmp_path)
        for role, path in tokenizer.items():
            mirrors[role].content = path.read_bytes()
        for role, config in (("base", BASE), ("upsampler", UPSAMPLER)):
            serve(mirrors[role], tensors_of(config), tmp_path)
        prepare_models("tiny", settings(mirrors, tmp_path / "w"), fetches=True)
    entry = catalogue.PAINTERS["tiny"]
    painter = load_painter("tiny", entry.files, torch.device("cpu"))
    assert painter.digests.keys() == {path.name for path in entry.files.values()}
    recipe = GlideRecipe(
        models="tiny",
        seed=1,
        side=UPSAMPLER.side,
        prompt="a circle",
        guidance=guidance,
        base_steps=1,
        upsample_steps=1,
    )
    run = painter.begin(recipe)
    while not run.done:
        run.step()
    assert run.image().isfinite().all()
