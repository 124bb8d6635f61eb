"""Measure work in processor seconds, which count on a busy machine too, and in seconds."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True)
class Spent:
    """What some work took."""

    cpu: float
    """Processor seconds of all threads."""
    wall: float
    """Seconds, which depend on what else the machine does."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.cpu + other.cpu, self.wall + other.wall)

    def __mul__(self, times: float) -> "Spent":
        return Spent(times * self.cpu, times * self.wall)


def spend(work: Work) -> Spent:
    """Measure one call of `work` on the CPU."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Spent(time.process_time() - cpu, time.perf_counter() - wall)


def least(work: Work, tries: int) -> Spent:
    """Return the least of what `tries` calls take after one to warm up."""
    work()
    spent = [spend(work) for _ in range(tries)]
    return Spent(min(each.cpu for each in spent), min(each.wall for each in spent))


def middle(spent: Sequence[Spent]) -> Spent:
    """Return the medians."""
    return Spent(median(each.cpu for each in spent), median(each.wall for each in spent))


def in_turn(works: Mapping[str, Work], rounds: int, warm_ups: int = 1) -> dict[str, list[Spent]]:
    """Measure all works in each round, in an order that is turned round each time."""
    for _ in range(warm_ups):
        for work in works.values():
            work()
    spent: dict[str, list[Spent]] = {name: [] for name in works}
    for number in range(rounds):
        for name in list(works)[:: 1 if number % 2 == 0 else -1]:
            spent[name].append(spend(works[name]))
    return spent
