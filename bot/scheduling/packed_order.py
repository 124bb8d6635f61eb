"""The order of a queue's jobs as bytes, which are unpacked in another process.

Jobs themselves are not in it, only their ids: they hold pictures, and whoever unpacks the order
finds them in the store. It is a pickle: unpack only what a process of the same bot has packed.
"""

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.jobs.job import Job
from bot.scheduling.queue_state import QueueState
from bot.scheduling.seat_state import SeatState


@dataclass(frozen=True)
class PackedOrder:
    """The order of a queue's jobs, and the ids of the jobs in it."""

    content: bytes
    job_ids: frozenset[int]


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.job_ids = set[int]()

    def persistent_id(self, obj: Any) -> int | None:
        if not isinstance(obj, Job):
            return None
        self.job_ids.add(obj.id)
        return obj.id


class _Unpacker(pickle.Unpickler):
    def __init__(self, content: bytes, find: Callable[[int], Job]) -> None:
        super().__init__(io.BytesIO(content))
        self._find = find

    def persistent_load(self, pid: Any) -> Job:
        return self._find(pid)


def pack(state: QueueState) -> PackedOrder:
    """Return the order of the jobs, and which of them are painted. The caller holds `changed`."""
    seats = [_without_moves(each) for each in state.seats]
    file = io.BytesIO()
    packer = _Packer(file)
    packer.dump((state.policy, state.jobs, state.to_stop, seats))
    return PackedOrder(file.getvalue(), frozenset(packer.job_ids))


def unpack(order: PackedOrder, state: QueueState, find: Callable[[int], Job]) -> None:
    """Put an order into a state, with the jobs that `find` knows by their ids.

    Raises `KeyError` if it does not know one. The caller holds `changed`.
    """
    unpacked = _Unpacker(order.content, find).load()
    state.policy, state.jobs, state.to_stop, state.seats = unpacked


def _without_moves(seat: SeatState) -> SeatState:
    """Return what counts of a seat for positions and forecasts."""
    copy = SeatState(seat.number, seat.kind)
    copy.batch, copy.is_open, copy.is_free = seat.batch, seat.is_open, seat.is_free
    return copy
