"""GLIDE's modules held against the original ones, which the wheel of imagen-hub contains."""

import gzip
import importlib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine.glide.clip_config import ClipImageConfig, ClipTextConfig
from engine.glide.config import PUBLISHED_BASE, PUBLISHED_UPSAMPLER, UNetConfig
from engine.glide.diffusion import (
    Diffusion,
    even_timesteps,
    fast27_timesteps,
    guide,
    split_prediction,
)
from engine.glide.known import Known
from engine.glide.noisy_clip import ClipImageTower, ClipTextTower
from engine.glide.unet import UNet
from tests.engine.glide.tiny import BASE, CLIP_IMAGE, CLIP_TEXT, UPSAMPLER, randomized
from tests.engine.rounding import assert_equal_up_to_rounding

PUBLISHED = Path(__file__).with_name("published_tensors.txt.gz")


@pytest.fixture
def original(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import an original module by its name; the package around it needs much that is not here."""
    spec = find_spec("imagen_hub")
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0], "pipelines", "glide")
    monkeypatch.syspath_prepend(str(folder))
    return lambda name: importlib.import_module(f"glide_text2im.{name}")


def published_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    files: dict[str, dict[str, tuple[int, ...]]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for line in gzip.decompress(PUBLISHED.read_bytes()).decode().splitlines():
        if line.startswith("## "):
            shapes = files.setdefault(line[3:].split(":")[0], {})
        elif line:
            name, shape = line.split(" ", 1)
            shapes[name] = tuple(int(each) for each in shape.strip("[]").split(","))
    return files


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


@pytest.mark.slow
def test_the_full_models_have_the_published_tensors() -> None:
    with torch.device("meta"):
        built = {
            "base": UNet(PUBLISHED_BASE),
            "upsample": UNet(PUBLISHED_UPSAMPLER),
            "base-inpaint": UNet(replace(PUBLISHED_BASE, inpainting=True)),
            "upsample-inpaint": UNet(replace(PUBLISHED_UPSAMPLER, inpainting=True)),
            "clip_image_enc": ClipImageTower(ClipImageConfig()),
            "clip_text_enc": ClipTextTower(ClipTextConfig()),
        }
    assert {name: shapes_of(module) for name, module in built.items()} == published_shapes()


@pytest.mark.parametrize("inpainting", [False, True])
@pytest.mark.parametrize("config", [BASE, UPSAMPLER])
def test_a_unet_predicts_what_the_original_does(
    original: Any, config: UNetConfig, inpainting: bool
) -> None:
    unet = randomized(UNet(replace(config, inpainting=inpainting)))
    theirs = original_unet(original("text2im_model"), unet.config)
    theirs.load_state_dict(unet.state_dict())
    random = torch.Generator().manual_seed(0)
    size = (2, 3, config.side, config.side)
    noisy, picture = (torch.randn(size, generator=random) for _ in range(2))
    where = (torch.rand((1, 1, *size[2:]), generator=random) < 0.5).float()
    low = torch.randn((2, 3, 16, 16), generator=random)
    tokens = torch.randint(config.text.vocabulary, (2, config.text.context), generator=random)
    present = torch.rand(tokens.shape, generator=random) < 0.6
    timesteps = torch.tensor([3, 997])
    seen, more = [noisy], {}
    if inpainting:
        seen.append(Known(picture[:1], where).channels(2))
        more |= {
            "inpaint_image": picture[:1].expand(size),
            "inpaint_mask": where.expand(2, 1, *size[2:]),
        }
    if config.low_side:
        seen.append(F.interpolate(low, size[2:], mode="bilinear", align_corners=False))
        more |= {"low_res": low}
    with torch.no_grad():
        expected = theirs(noisy, timesteps, tokens=tokens, mask=present, **more)
        found = unet(torch.cat(seen, 1), timesteps, unet.encode_text(tokens, present))
    assert_equal_up_to_rounding(found, expected)


def original_unet(module: Any, config: UNetConfig) -> Any:
    plain = (module.Text2ImUNet, module.InpaintText2ImUNet)
    enlarging = (module.SuperResText2ImUNet, module.SuperResInpaintText2ImUnet)
    kind = (enlarging if config.low_side else plain)[config.inpainting]

    class Tokenizer:
        n_vocab = config.text.vocabulary

    return kind(
        text_ctx=config.text.context,
        xf_width=config.text.width,
        xf_layers=config.text.layers,
        xf_heads=config.text.heads,
        xf_final_ln=True,
        xf_padding=True,
        tokenizer=Tokenizer(),
        in_channels=3,
        model_channels=config.channels,
        out_channels=6,
        num_res_blocks=config.blocks,
        attention_resolutions=tuple(config.side // each for each in config.attention_sides),
        dropout=0.0,
        channel_mult=config.multipliers,
        num_heads=1,
        num_head_channels=config.head_channels,
        num_heads_upsample=-1,
        use_scale_shift_norm=True,
        resblock_updown=True,
        use_fp16=False,
        cache_text_emb=False,
    ).eval()


@pytest.mark.parametrize("timesteps", [even_timesteps(30), fast27_timesteps()])
@pytest.mark.parametrize(
    ("schedule", "name"), [("cosine", "squaredcos_cap_v2"), ("linear", "linear")]
)
def test_steps_are_those_of_the_original(
    original: Any, schedule: Any, name: str, timesteps: tuple[int, ...]
) -> None:
    betas = original("gaussian_diffusion").get_named_beta_schedule(name, 1000)
    theirs = original("respace").SpacedDiffusion(set(timesteps), betas=betas)
    diffusion = Diffusion.over(timesteps, schedule)
    random = torch.Generator().manual_seed(0)
    for index in range(len(timesteps)):
        noisy, gradient = torch.randn((2, 2, 3, 4, 4), generator=random)
        prediction = torch.randn((2, 6, 4, 4), generator=random)

        def predict(*_: Any, prediction: Any = prediction) -> Any:
            return prediction

        def lead(*_: Any, gradient: Any = gradient) -> Any:
            return gradient

        at = torch.full((2,), index)
        with torch.random.fork_rng():
            torch.manual_seed(index)
            drawn = theirs.p_sample(predict, noisy, at, cond_fn=lead, model_kwargs={})["sample"]
            torch.manual_seed(index)
            new = torch.randn_like(noisy)
        smooth = theirs.ddim_sample(predict, noisy, at, model_kwargs={})["sample"]
        noise, fraction = split_prediction(prediction)
        start = diffusion.estimate(noisy, noise, index).clamp(-1, 1)
        log_variance = diffusion.log_variance(fraction, index)
        mean = diffusion.posterior_mean(noisy, start, index) + log_variance.exp() * gradient
        assert_equal_up_to_rounding(diffusion.ddpm(mean, log_variance, new, index), drawn)
        assert_equal_up_to_rounding(diffusion.ddim(noisy, start, index), smooth)


def test_spacings_are_those_of_the_original(original: Any) -> None:
    space = original("respace").space_timesteps
    assert set(fast27_timesteps()) == space(1000, "fast27")
    for count in (1, 2, 7, 25, 50, 100, 333, 1000):
        assert set(even_timesteps(count)) == space(1000, str(count))


def test_the_fast_spacing_is_the_published_one() -> None:
    assert fast27_timesteps() == (
        *(0, 22, 44, 66, 88, 111, 133, 155, 177, 199, 200, 222, 244, 266, 288, 311, 333, 355, 377),
        *(399, 400, 500, 599, 600, 799, 800, 997),
    )


def test_guidance_goes_beyond_the_noise_with_the_text() -> None:
    with_text, without = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 4.0])
    assert guide(with_text, without, 3.0).tolist() == [2.0, -2.0]
    assert guide(with_text, without, 1.0).tolist() == with_text.tolist()


def test_the_clip_that_sees_noise_embeds_as_the_original_does(original: Any) -> None:
    encoders = original("clip.encoders")
    same: dict[str, Any] = {"n_embd": 24, "n_head": 2, "n_xf_blocks": 2, "n_head_state": 16}
    same |= {"device": torch.device("cpu")}
    image, text = randomized(ClipImageTower(CLIP_IMAGE)), randomized(ClipTextTower(CLIP_TEXT))
    their_image = encoders.ImageEncoder(image_size=16, patch_size=4, n_timestep=1000, **same)
    their_text = encoders.TextEncoder(n_bpe_vocab=49_408, max_text_len=12, **same)
    their_image.load_state_dict(image.state_dict())
    their_text.load_state_dict(text.state_dict())
    random = torch.Generator().manual_seed(0)
    images = torch.randn((2, 3, 16, 16), generator=random).requires_grad_()
    timesteps = torch.tensor([4, 800])
    tokens = torch.randint(1, 49_000, (2, 12), generator=random)
    for row, length in enumerate(lengths := torch.tensor([6, 12])):
        tokens[row, length - 1 :] = 0
        tokens[row, length - 1] = 49_407
    expected = F.normalize(their_image((images + 1) * 127.5, timesteps), dim=-1)
    found = image(images, timesteps)
    assert_equal_up_to_rounding(found, expected)
    assert_equal_up_to_rounding(text(tokens), F.normalize(their_text(tokens, lengths), dim=-1))
    (their_gradient,) = torch.autograd.grad(expected[0, 0], images)
    (gradient,) = torch.autograd.grad(found[0, 0], images)
    assert_equal_up_to_rounding(gradient, their_gradient)
