"""Whether a CPU is faster in bfloat16: measured once per machine, and kept."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.models import calibration, calibration_step
from engine.models.calibration import (
    Machine,
    Question,
    are_onednn_products_faster,
    is_bf16_faster,
    is_faster_on,
    kept_gain,
)
from engine.models.processor import MARGIN

MACHINE = Machine("a processor", "AVX2 avx2", threads=2, torch="2.15.0")
QUESTION = Question(MACHINE, "bfloat16")


class Measurement:
    """A measurement that finds the given gains, one after the other."""

    def __init__(self, *gains: float) -> None:
        self._gains = list(gains)

    def __call__(self) -> float:
        return self._gains.pop(0)


def test_what_was_measured_is_used_again(tmp_path: Path):
    measure = Measurement(2.5, 0.5)
    first = kept_gain(QUESTION, tmp_path / "new", measure)
    again = kept_gain(QUESTION, tmp_path / "new", measure)
    assert (first, again) == (2.5, 2.5)


@pytest.mark.parametrize(
    "other",
    [
        Question(replace(MACHINE, processor="another"), "bfloat16"),
        Question(replace(MACHINE, instructions="AVX2 ONEDNN_MAX_CPU_ISA=AVX2"), "bfloat16"),
        Question(replace(MACHINE, threads=1), "bfloat16"),
        Question(replace(MACHINE, torch="2.16.0"), "bfloat16"),
        Question(MACHINE, "1 threads"),
    ],
)
def test_another_machine_is_measured_anew_and_both_are_kept(other: Question, tmp_path: Path):
    measure = Measurement(2.5, 0.5)
    questions = (QUESTION, other, QUESTION, other)
    assert [kept_gain(each, tmp_path, measure) for each in questions] == [2.5, 0.5, 2.5, 0.5]


DAMAGED = {
    "empty": b"",
    "rubbish": b"\xff\x00" * 99,
    "cut off": b'{"version": 1, "machine": {',
    "deep": b"[" * 9000,
    "a list": b"[1, 2]",
    "another version": b'{"version": 0, "gain": 9}',
    "long": b" " * 99_999,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_replaced(content: bytes, tmp_path: Path):
    (tmp_path / QUESTION.file_name).write_bytes(content)
    measure = Measurement(2.5, 0.5)
    assert [kept_gain(QUESTION, tmp_path, measure) for _ in range(2)] == [2.5, 2.5]


@pytest.mark.parametrize("gain", ["NaN", "Infinity", "-1", "true", '"2"', "null"])
def test_a_gain_that_is_none_is_not_believed(gain: str, tmp_path: Path):
    kept_gain(QUESTION, tmp_path, Measurement(2.5))
    path = tmp_path / QUESTION.file_name
    path.write_text(path.read_text().replace("2.5", gain))
    assert kept_gain(QUESTION, tmp_path, Measurement(0.5)) == 0.5


def test_a_file_of_another_machine_is_replaced(tmp_path: Path):
    kept_gain(QUESTION, tmp_path, Measurement(2.5))
    other = Question(replace(MACHINE, threads=1), "bfloat16")
    (tmp_path / QUESTION.file_name).rename(tmp_path / other.file_name)
    assert kept_gain(other, tmp_path, Measurement(0.5)) == 0.5


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"
    assert kept_gain(QUESTION, folder, Measurement(2.5)) == 2.5


@pytest.mark.parametrize(("gain", "expected"), [(MARGIN - 0.01, False), (MARGIN, True)])
def test_near_a_tie_nothing_changes(
    gain: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, expected: bool
):
    monkeypatch.setattr(calibration, "measure_bf16", lambda: gain)
    monkeypatch.setattr(calibration, "measure_threads", lambda _: gain)
    monkeypatch.setattr(calibration, "measure_products", lambda: gain)
    assert is_bf16_faster(tmp_path) == expected
    assert is_faster_on(1, tmp_path) == expected
    assert are_onednn_products_faster(tmp_path) == expected


def test_what_forbids_instructions_is_part_of_the_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    unlimited = Machine.current()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert Machine.current() != unlimited
    assert Machine.current() == Machine.current()


class Clock:
    """A clock that only work advances."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, *seconds: float) -> Callable[[], None]:
        """Return work that takes these seconds one after the other, and then always the last."""
        left = list(seconds)

        def step() -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return step


def test_a_disturbed_round_does_not_count():
    clock = Clock()
    first, second = clock.work(9.0, 0.12, 5.0, 0.12), clock.work(9.0, 0.1, 0.1, 2.0, 0.1)
    assert calibration_step.compare_times(first, second, clock) == pytest.approx(1.2)


@pytest.mark.parametrize(("before", "after"), [(0.2, 0.1), (0.1, 0.2)])
def test_two_rounds_are_enough_for_a_clear_answer(before: float, after: float):
    clock = Clock()
    gain = calibration_step.compare_times(clock.work(before), clock.work(after), clock)
    assert gain == pytest.approx(before / after)
    assert clock.now == pytest.approx(3 * (before + after))


def test_rounds_that_contradict_each_other_are_followed_by_others():
    clock = Clock()
    first = clock.work(0.1, 0.1, 0.5, 0.1)
    gain = calibration_step.compare_times(first, clock.work(0.2), clock)
    assert gain == pytest.approx(0.5)


@pytest.mark.parametrize("seconds", [0.001, 0.2, 30.0])
def test_the_number_of_rounds_is_bounded(seconds: float):
    clock = Clock()
    calibration_step.compare_times(clock.work(seconds), clock.work(seconds), clock)
    rounds = clock.now / (2 * seconds) - 1
    assert calibration_step.FEWEST - 0.5 < rounds < calibration_step.MOST + 0.5


def test_the_small_step_can_be_measured(monkeypatch: pytest.MonkeyPatch):
    for name in ("FEWEST", "USUAL", "MOST"):
        monkeypatch.setattr(calibration_step, name, 1)
    threads = torch.get_num_threads()
    assert 0 <= calibration_step.measure_gain() < float("inf")
    assert 0 < calibration_step.measure_threads_gain(1) < float("inf")
    assert 0 <= calibration_step.measure_products_gain() < float("inf")
    assert torch.get_num_threads() == threads
