"""Check a perceptor by pictures of which the program knows what they show.

Thresholds are wide. Published perceptors name 60 to 80 of 100 photographs right, out of a thousand
names; nearly all of these few plain drawings are expected to be right, and chance is right for 7 to
17 of 100. The finer measure is `separation`, by which a perceptor is compared with itself used in
other ways (`engine.self_check.variants`). The finest are the answers that some weights are known to
give.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models.clip import ClipPerceptor
from engine.self_check.questions import Questions, ask
from engine.self_check.results import Cause, PartResult
from engine.self_check.variants import Variant, variants

LEAST_RIGHT = {"colors": 0.7, "shapes": 0.5, "scenes": 0.6}
"""Least shares of pictures that are recognized, by what is asked for."""
BETTER_BY = 0.08
"""Difference of `separation` from which another way to use the weights must be the right one. The
demo perceptor with another normalization is at least 0.1 worse."""
LOWEST_NORM, HIGHEST_NORM = 1e-2, 1e4
"""Limits of the lengths of embeddings before they become unit vectors."""
NOISE = 1 / 255
"""Standard deviation of noise that nobody sees."""
LEAST_STEADY = 0.85
"""Least cosine between the embeddings of a picture with that noise and without it."""
MOST_ALIKE = 0.999
"""Greatest mean cosine between the embeddings of different pictures."""
KNOWN_WITHIN, KNOWN_WITHIN_BF16 = 8e-4, 8e-3
"""Greatest mean differences to known answers, in float32 and in bfloat16. Another activation
changes the demo perceptor's answers by 1.5e-3, which no share of right answers shows."""
_PLACES = 4
_EVEN = 1e-4
"""Standard deviation of similarities below which all choices count as equal."""


@dataclass(frozen=True)
class _Exam:
    """Questions, and what a perceptor makes of them."""

    questions: tuple[Questions, ...]
    seen: Sequence[Tensor]
    """Unit vectors (N, D) of the pictures of each."""
    read: Sequence[Tensor]
    """Unit vectors (N, D) of the phrases of each."""

    @property
    def similarities(self) -> list[Tensor]:
        """Cosines (N, N) of pictures and phrases, those that belong together in the diagonal."""
        return [seen @ read.T for seen, read in zip(self.seen, self.read, strict=True)]

    @property
    def answers(self) -> tuple[float, ...]:
        """The cosines of all pictures with their own phrases."""
        diagonals = [each.diagonal().tolist() for each in self.similarities]
        return tuple(round(value, _PLACES) for each in diagonals for value in each)

    @property
    def separation(self) -> float:
        """How far the right phrases stand out, from 1 (nothing else fits at all) to 0 (chance).

        The mean distance of the right phrase's cosine from the mean, in standard deviations of the
        cosines of one picture, as a share of what is possible. It does not depend on the scale of
        cosines, which differs between kinds of perceptors.
        """
        return fmean(map(_separation, self.similarities))


def check_perceptor(
    name: str,
    perceptor: ClipPerceptor,
    digest: str,
    known: Sequence[float] = (),
    *,
    shapes_only: bool = False,
    tick: Callable[[], None] = lambda: None,
) -> PartResult:
    """Check a perceptor on its own device.

    Args:
        name: its name in the registry.
        perceptor: the perceptor. It is changed meanwhile, and restored: nothing else may use it.
        digest: SHA-256 of its weights.
        known: the answers that these weights are known to give; empty if nobody knows them.
        shapes_only: True for perceptors that know only what `engine.demo.world` draws.
        tick: called between two parts of the work; an exception that it raises ends the check.
    """
    exam = _examine(perceptor, ask(perceptor.input_size, shapes_only=shapes_only))
    others: list[tuple[Cause, _Exam]] = []
    for variant in variants(perceptor):
        tick()
        others.append((variant.cause, _examine_again(perceptor, variant, exam)))
    if len(known) != len(exam.answers):  # they answer other questions
        known = ()
    figures = _figures(perceptor, exam)
    causes = [*_better(exam, others), *_unlike_known(perceptor, exam, others, known)]
    figures["separation"] = exam.separation
    for cause, other in others:
        key = f"as-other-{cause}"
        figures[key] = max(other.separation, figures.get(key, -1.0))
    if known:
        figures["from-known"] = _gap(exam.answers, known)
    if not causes and _is_wrong(figures):
        causes = [Cause.WEIGHTS]
    rounded = {key: round(value, _PLACES) for key, value in figures.items()}
    return PartResult(
        "perceptor", name, digest, tuple(dict.fromkeys(causes)), rounded, exam.answers
    )


@torch.no_grad()
def _examine(perceptor: ClipPerceptor, questions: tuple[Questions, ...]) -> _Exam:
    pictures = [each.pictures.to(perceptor.mean.device) for each in questions]
    seen = [perceptor.encode_image(each) for each in pictures]
    return _Exam(questions, seen, [perceptor.encode_text(each.phrases) for each in questions])


@torch.no_grad()
def _examine_again(perceptor: ClipPerceptor, variant: Variant, exam: _Exam) -> _Exam:
    """Return what a perceptor that is used in another way makes of the same questions."""
    device = perceptor.mean.device
    with variant.change():
        if variant.sees:
            seen = [perceptor.encode_image(each.pictures.to(device)) for each in exam.questions]
            exam = replace(exam, seen=seen)
        if variant.reads:
            read = [perceptor.encode_text(each.phrases) for each in exam.questions]
            exam = replace(exam, read=read)
    return exam


def _figures(perceptor: ClipPerceptor, exam: _Exam) -> dict[str, float]:
    """Return the shares of right answers, and figures of the embeddings."""
    rights: dict[str, list[float]] = {}
    for questions, similarities in zip(exam.questions, exam.similarities, strict=True):
        order = torch.arange(len(similarities), device=similarities.device)
        is_right = similarities.argmax(1) == order
        rights.setdefault(questions.name, []).extend(is_right.float().tolist())
    lengths = _lengths(perceptor, exam.questions)
    return {
        **{name: fmean(each) for name, each in rights.items()},
        "shortest": lengths.min().item(),
        "longest": lengths.max().item(),
        "steady": _steadiness(perceptor, exam),
        "alike": _likeness(torch.cat(list(exam.seen))),
    }


@torch.no_grad()
def _lengths(perceptor: ClipPerceptor, questions: Sequence[Questions]) -> Tensor:
    """Return the lengths of all embeddings before they become unit vectors."""
    device = perceptor.mean.device
    seen = [perceptor.image_features(each.pictures.to(device)) for each in questions[:1]]
    read = [perceptor.text_features(each.phrases) for each in questions[:1]]
    return torch.cat([each.norm(dim=1) for each in (*seen, *read)])


@torch.no_grad()
def _steadiness(perceptor: ClipPerceptor, exam: _Exam) -> float:
    """Return the least cosine between the embeddings of shapes with a little noise and without."""
    pictures = exam.questions[-1].pictures
    random = torch.Generator().manual_seed(0)
    noisy = (pictures + NOISE * torch.randn(pictures.shape, generator=random)).clamp(0, 1)
    seen = perceptor.encode_image(noisy.to(perceptor.mean.device))
    return F.cosine_similarity(seen, exam.seen[-1]).min().item()


def _likeness(embeddings: Tensor) -> float:
    """Return the mean cosine between different ones of some unit vectors (N, D)."""
    count = len(embeddings)
    return ((embeddings @ embeddings.T).sum().item() - count) / (count * (count - 1))


def _separation(similarities: Tensor) -> float:
    spread = similarities.std(1, correction=0)
    distance = (similarities.diagonal() - similarities.mean(1)) / spread.clamp(min=_EVEN)
    return (distance.mean() / (len(similarities) - 1) ** 0.5).item()


def _better(exam: _Exam, others: Sequence[tuple[Cause, _Exam]]) -> list[Cause]:
    """Return what is wrong if the perceptor works better when it is used in another way."""
    cause, best = max(others, key=lambda each: each[1].separation)
    return [cause] if best.separation > exam.separation + BETTER_BY else []


def _unlike_known(
    perceptor: ClipPerceptor,
    exam: _Exam,
    others: Sequence[tuple[Cause, _Exam]],
    known: Sequence[float],
) -> list[Cause]:
    """Return what is wrong if the answers are not the known ones."""
    within = KNOWN_WITHIN if perceptor.is_float32 else KNOWN_WITHIN_BF16
    if not known or _gap(exam.answers, known) <= within:
        return []
    gap, cause = min((_gap(other.answers, known), cause) for cause, other in others)
    return [cause if gap <= within else Cause.ANSWERS]


def _gap(answers: Sequence[float], known: Sequence[float]) -> float:
    """Return the mean difference of answers to the known ones, of which there are as many."""
    return fmean(abs(one - other) for one, other in zip(answers, known, strict=True))


def _is_wrong(figures: Mapping[str, float]) -> bool:
    """Return True if figures are beyond a threshold; NaN is beyond every one."""
    is_good = [figures[name] >= least for name, least in LEAST_RIGHT.items() if name in figures]
    is_good += [
        figures["shortest"] >= LOWEST_NORM,
        figures["longest"] <= HIGHEST_NORM,
        figures["steady"] >= LEAST_STEADY,
        figures["alike"] <= MOST_ALIKE,
    ]
    return not all(is_good)
