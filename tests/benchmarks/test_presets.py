"""The benchmark of presets: what it prints of figures that are known."""

import pytest

from benchmarks.presets import Painted, Row, mcnemar, print_pairs, print_table


@pytest.mark.parametrize(
    ("first", "second", "probability"),
    [(0, 0, 1.0), (3, 3, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (0, 6, 0.03125), (1, 7, 0.0703125)],
)
def test_mcnemars_test_is_the_binomial_one(first: int, second: int, probability: float):
    assert mcnemar(first, second) == pytest.approx(probability)


def test_a_preset_is_held_against_the_papers(capsys: pytest.CaptureFixture[str]):
    half = Painted(right=[True, False], shape=[True, True], clean=[True, False])
    print_table({"paper": Row(half, 0.5), "demo": Row(half, 0.1)})
    paper, demo = capsys.readouterr().out.splitlines()[-2:]
    assert paper.startswith("| `paper` | 400 | 64 | 50.0 % (1/2, ")
    assert paper.endswith("| 200.00 | 0.0025 | 1.000 |")
    assert demo.startswith("| `demo` | ")
    assert "| 100.0 % (2/2, " in demo


def test_what_was_not_measured_stays_empty(capsys: pytest.CaptureFixture[str]):
    print_table({"demo": Row(None, 0.1), "fast": Row(Painted([True], [True], [True]))})
    demo, fast = capsys.readouterr().out.splitlines()[-2:]
    assert "|  |  |  |" in demo
    assert fast.endswith("|  |  |  |")


def test_presets_are_compared_on_the_same_prompts(capsys: pytest.CaptureFixture[str]):
    first, second = ([True, True, False], [False, True, False])
    print_pairs(
        {
            name: Painted(right, right, right)
            for name, right in zip("ab", (first, second), strict=True)
        }
    )
    assert capsys.readouterr().out.splitlines()[-1] == "| `a`, `b` | 3 | 1 | 0 | 1.00 |"
