"""Painters of other processes: whoever paints, and whoever dies, the pictures are the same."""

import time
from collections import Counter
from random import Random

import pytest

from bot.config import ClusterSettings
from bot.jobs.events import Failed, Finished
from bot.jobs.job import Job
from tests.bot.cluster.studio import (
    PIXELS,
    Studio,
    ThreadCluster,
    is_as_alone,
    recipe,
)

pytestmark = pytest.mark.slow


def studio(
    painters: int, slice_steps: int = 2, *, deterministic: bool = True
) -> tuple[Studio, ThreadCluster]:
    cluster = ThreadCluster(painters)
    settings = ClusterSettings(address="local", painters=painters, gpus=0)
    return Studio(lambda _: cluster, settings, slice_steps, deterministic=deterministic), cluster


@pytest.mark.parametrize("seed", range(3))
def test_pictures_are_the_same_whoever_paints_or_dies(seed: int):
    random, wanted = Random(seed), dict[int, Job]()
    opened, cluster = studio(painters=3)
    with opened.open(ready=3):
        for number in range(1, 21):
            models = random.choice(PIXELS)
            recipes = tuple(
                recipe(random.randrange(3), models, random.choice((1, 3, 5, 7)))
                for _ in range(random.choice((1, 1, 2)))
            )
            job = wanted[number] = Job(number, random.randrange(5), "a ring", recipes)
            opened.queue.put(job)
            if random.random() < 0.15:
                opened.queue.stop(random.randint(1, number))
            if random.random() < 0.1 and opened.queue.remove(gone := random.randint(1, number)):
                del wanted[gone]
            if number % 6 == 3:
                random.choice(cluster.lines).lose()
            if number % 6 == 5:
                random.choice(cluster.lines).leaves = True
            time.sleep(random.choice((0.0, 0.02, 0.1)))
        opened.wait_for(lambda: not opened.queue.jobs())
        opened.wait_for(lambda: {each.job_id for each in opened.ends()} >= set(wanted))
    ends = [each for each in opened.ends() if each.job_id in wanted]
    assert dict(Counter(each.job_id for each in ends)) == dict.fromkeys(wanted, 1)
    assert len(cluster.lines) > 3, "others were hired for those who were lost"
    for end in ends:
        if isinstance(end, Finished):
            assert end.stopped or len(end.pictures) == len(wanted[end.job_id].recipes)
            assert all(map(is_as_alone, end.pictures))
    failed = [each for each in ends if isinstance(each, Failed)]
    assert len(failed) <= 1, "only a job whose painters were lost twice fails"


def test_a_painter_that_dies_without_work_is_replaced_before_anyone_waits():
    opened, cluster = studio(painters=2)
    with opened.open(ready=2):
        cluster.lines[0].lose()
        opened.wait_for(lambda: len(cluster.lines) == 3)
        job = Job(1, 1, "a ring", (recipe(1, PIXELS[0], 3),))
        opened.queue.put(job)
        opened.wait_for(lambda: not opened.queue.jobs())
        (end,) = opened.ends()
    assert isinstance(end, Finished)
    assert all(map(is_as_alone, end.pictures))
