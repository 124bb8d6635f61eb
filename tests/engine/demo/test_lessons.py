import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.demo.lessons import Lessons
from engine.demo.train_clip import CONFIG, JUDGE_CONFIG
from engine.models.catalogue import find_models
from engine.models.clip import ClipPerceptor, build_clip
from engine.models.loading import load_vqgan

pytestmark = pytest.mark.slow

RADIUS = 2.0


def lessons(*, guided: bool, chains: bool) -> tuple[ClipPerceptor, Lessons]:
    torch.manual_seed(1)
    perceptor = ClipPerceptor(*build_clip(CONFIG))
    vqgan = load_vqgan(find_models("demo").generator)
    random = torch.Generator().manual_seed(2)
    teaching = Lessons(
        perceptor,
        vqgan,
        random,
        guided=guided,
        chains=chains,
        attack_radius=RADIUS,
    )
    return perceptor, teaching


def test_recognition_is_learned_within_a_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.demo.lessons.PICTURES_ALONE", 24)
    perceptor, teaching = lessons(guided=False, chains=False)
    optimizer = torch.optim.Adam(perceptor.model.visual.parameters(), 1e-3)
    choices = []
    for _ in range(20):
        losses = teaching.losses()
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        choices.append(losses["choice"].item())
    assert sum(choices[-5:]) < 0.8 * sum(choices[:5])


@pytest.mark.usefixtures("small_batches")
def test_a_judge_learns_what_spoiled_pictures_are_worth_and_is_never_followed() -> None:
    perceptor = ClipPerceptor(*build_clip(JUDGE_CONFIG))
    vqgan, random = load_vqgan(find_models("demo").generator), torch.Generator().manual_seed(2)
    off = {"guided": False, "chains": False, "attack_radius": RADIUS}
    losses = Lessons(perceptor, vqgan, random, judging=True, **off).losses()
    assert set(losses) == {"alignment", "choice", "level"}
    torch.stack(list(losses.values())).sum().backward()
    assert all(each.grad is not None for each in perceptor.model.visual.parameters())


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("chains", [False, True])
def test_guidance_reaches_every_weight_of_the_vision_tower(chains: bool) -> None:
    perceptor, teaching = lessons(guided=True, chains=chains)
    with sdpa_kernel(SDPBackend.MATH):
        losses = teaching.losses()
        torch.stack(list(losses.values())).sum().backward()
    assert set(losses) == {"guidance", "level", "alignment", "choice"}
    for name, weight in perceptor.model.visual.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all(), name


def test_an_attack_stays_within_its_radius_and_does_harm() -> None:
    _, teaching = lessons(guided=False, chains=False)
    pictures, scenes = teaching.draw_pictures(32)
    attacked = teaching.attack(pictures, scenes)
    assert (attacked - pictures).flatten(1).norm(dim=1).max() < RADIUS + 1e-3
    before, after = (teaching.recognition(x, scenes)["choice"] for x in (pictures, attacked))
    assert after > before
