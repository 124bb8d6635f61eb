import pytest

from engine.comparison.paper_times import PAPER_TIMES, Measured, Timing, time_table


def test_a_sample_has_a_mean_and_a_standard_deviation():
    timing = Timing.of([1.0, 2.0, 3.0])
    assert (timing.mean, timing.deviation) == (pytest.approx(2), pytest.approx(1))
    assert [str(each) for each in (timing, Timing.of([12.34]))] == ["2.00 ± 1.00", "12.3"]


def test_training_pays_off_after_as_many_pictures_as_the_paper_says():
    ours = PAPER_TIMES["vqgan-clip"].v100.mean
    for painter, pictures in (("mindalle", 15_800), ("glide", 384_000)):
        row = PAPER_TIMES[painter]
        enough = row.training * 3600 / (ours - row.v100.mean)
        assert enough == pytest.approx(pictures, rel=0.06)


def test_what_was_measured_stands_beside_the_paper_in_columns():
    table = time_table(
        [
            Measured("GLIDE (CLIP-guided)", "glide", Timing(9.5, 0.25)),
            Measured("another one", "another", Timing(1234.5)),
        ]
    ).splitlines()
    assert table[0].split() == ["here", "K80", "P100", "V100", "training"]
    assert [line.split("  ")[0] for line in table[1:]] == [
        *("GLIDE (CLIP-guided)", "another one", "minDALL-E", "VQGAN-CLIP")
    ]
    assert "9.50 ± 0.25 s" in table[1]
    assert "96.2 ± 0.1 s" in table[1]
    assert table[1].endswith("19,200 h")
    assert table[2].split()[2:] == ["1234.5", "s", "-", "-", "-", "-"]
    assert table[4].split()[1:3] == ["-", "935.2"]
    assert len({len(line) for line in table}) == 1
