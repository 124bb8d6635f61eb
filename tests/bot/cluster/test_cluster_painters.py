"""Painters of other processes: whoever paints, and whoever dies, the pictures are the same."""

import time
from collections import Counter
from random import Random

import pytest

from bot.config import ClusterSettings
from bot.jobs.events import Failed, Finished
from bot.jobs.job import Job
from engine import __version__
from engine.errors import ModelError
from tests.bot.cluster.studio import Studio, ThreadCluster, ThreadLine
from tests.harness.bot_harness import PATIENCE
from tests.harness.painted_alone import PIXELS, is_as_alone, recipe

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
    assert cluster.hired > 3, "others were hired for those who were lost"
    for end in ends:
        if isinstance(end, Finished):
            assert end.stopped or len(end.pictures) == len(wanted[end.job_id].recipes)
            assert all(map(is_as_alone, end.pictures))
    failed = [each for each in ends if isinstance(each, Failed)]
    assert len(failed) <= 1, "only a job whose painters were lost twice fails"


def counted(opened: Studio) -> tuple[float | None, float | None]:
    """Return how many painters died, and how many took the place of one."""
    names = ("vqgan_clip_painter_deaths_total", "vqgan_clip_painter_restarts_total")
    died, replaced = map(opened.metrics.registry.get_sample_value, names)
    return died, replaced


def test_a_painter_that_dies_without_work_is_replaced_before_anyone_waits():
    opened, cluster = studio(painters=2)
    with opened.open(ready=2):
        assert counted(opened) == (0, 0)
        cluster.lines[0].lose()
        opened.wait_for(lambda: counted(opened) == (1, 1))
        assert len(cluster.lines) == 3
        job = Job(1, 1, "a ring", (recipe(1, PIXELS[0], 3),))
        opened.queue.put(job)
        opened.wait_for(lambda: not opened.queue.jobs())
        (end,) = opened.ends()
    assert isinstance(end, Finished)
    assert all(map(is_as_alone, end.pictures))


def test_jobs_that_share_steps_end_once():
    opened, _ = studio(painters=2, deterministic=False)
    with opened.open(ready=2):
        for number in range(1, 17):
            made = recipe(number, "demo-pyramid", steps=3 + number % 4)
            opened.queue.put(Job(number, number % 5, "a ring", (made,)))
            if number % 6 == 0:
                opened.queue.stop(number - 3)
        opened.wait_for(lambda: len(opened.ends()) >= 16)
    assert Counter(each.job_id for each in opened.ends()) == Counter(range(1, 17))
    assert all(isinstance(each, Finished) for each in opened.ends())


def test_a_painter_that_paints_other_bytes_gets_no_job(caplog: pytest.LogCaptureFixture):
    opened, cluster = studio(painters=2)
    cluster.forge = lambda line: setattr(line, "fingerprint", "ab" if cluster.lines else None)
    with opened.open(ready=1):
        opened.wait_for(lambda: "a painter was lost" in caplog.text)
        opened.queue.put(Job(1, 1, "a ring", (recipe(1),)))
        opened.wait_for(opened.ends)
    causes = [vars(each).get("cause", "") for each in caplog.records]
    assert any("differs from that of other painters" in each for each in causes)
    (end,) = opened.ends()
    assert isinstance(end, Finished)
    assert all(map(is_as_alone, end.pictures))


def test_a_painter_of_another_version_is_refused_with_both(caplog: pytest.LogCaptureFixture):
    opened, cluster = studio(painters=1)
    cluster.version = "0.1.0"
    with opened.open(ready=0):
        opened.wait_for(lambda: "a painter was lost" in caplog.text)
        cluster.version = __version__
        opened.wait_for(lambda: opened.loading.device)
    causes = [vars(each).get("cause", "") for each in caplog.records]
    assert any("0.1.0" in each and __version__ in each for each in causes)


def test_painters_end_when_there_is_nothing_to_do_but_one():
    cluster = ThreadCluster(3)
    settings = ClusterSettings(address="local", painters=3, gpus=0, idle_minutes=0.002)
    opened = Studio(lambda _: cluster, settings)
    for number in (1, 2, 3):
        opened.queue.put(Job(number, number, "a ring", (recipe(number, steps=30),)))
    with opened.open(ready=1):
        opened.wait_for(lambda: len(opened.ends()) == 3)
        opened.wait_for(lambda: len(opened.painters.all) == 1)
        opened.queue.put(Job(4, 1, "a ring", (recipe(4),)))
        opened.wait_for(lambda: len(opened.ends()) == 4)
    for end in opened.ends():
        assert isinstance(end, Finished)
        assert all(map(is_as_alone, end.pictures))


def test_a_job_that_painters_die_of_ends_and_others_go_on():
    opened, _ = studio(painters=2)
    with opened.open(ready=2):
        opened.queue.put(Job(1, 1, "a ring", (recipe(1, steps=1000),)))
        opened.queue.put(Job(2, 2, "a ring", (recipe(2, steps=40),)))
        for _ in range(2):
            opened.wait_for(lambda: _painters_of(opened, 1))
            (line,) = _painters_of(opened, 1)
            line.lose()
            opened.wait_for(lambda: line not in _painters_of(opened, 1))  # noqa: B023
        opened.wait_for(lambda: len(opened.ends()) == 2)
    ends = {each.job_id: type(each) for each in opened.ends()}
    assert ends == {1: Failed, 2: Finished}


def _painters_of(opened: Studio, job_id: int) -> list[ThreadLine]:
    """Return the lines to the painters that paint a job."""
    found = [each for each in opened.painters.all if job_id in {job.id for job in each.jobs()}]
    return [each.line for each in found if isinstance(each.line, ThreadLine)]


class NameOfModels:
    """A call that returns the name of the models."""

    def __call__(self, models: object) -> str:
        return models.name  # type: ignore[attr-defined]


class Failing:
    """A call that fails."""

    def __call__(self, _: object) -> str:
        raise ModelError("it cannot be done")


def test_a_model_call_is_made_while_all_paint():
    opened, _ = studio(painters=2)
    with opened.open(ready=2):
        for number in (1, 2):
            opened.queue.put(Job(number, number, "a ring", (recipe(number, steps=2000),)))
        opened.wait_for(lambda: all(each.jobs() for each in opened.painters.all))
        assert opened.painters.call_with_models(NameOfModels()).result(PATIENCE) == "demo"
        with pytest.raises(ModelError, match="it cannot be done"):
            opened.painters.call_with_models(Failing()).result(PATIENCE)
        for number in (1, 2):
            opened.queue.remove(number)
