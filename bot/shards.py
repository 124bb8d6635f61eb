"""Which servers belong to a process: those of its shards.

Discord divides the servers of an application among its shards by their ids; direct messages come to
the first shard: https://docs.discord.com/developers/events/gateway#sharding
"""

import re
from dataclasses import dataclass
from typing import Self

_MOST = 10_000
"""Maximum number of shards of an application."""
TIME_BITS = 22
"""The bits of an id before its time, by which Discord divides the servers."""


@dataclass(frozen=True)
class Shards:
    """The shards of one process, out of `count`."""

    ids: tuple[int, ...]
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read shards such as "0-3/16" or "5/16"; raise `ValueError` for anything else."""
        found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?/(\d{1,5})", text, re.ASCII)
        if found is None:
            raise ValueError('must be like "0-3/16": the shards 0 to 3 of 16, or empty for all')
        first, last, count = (int(each or found[1]) for each in found.groups())
        if not 2 <= count <= _MOST:
            raise ValueError(
                f"must be shards of 2 to {_MOST}, not of {count}; empty stands for all"
            )
        if not first <= last < count:
            raise ValueError(f"must be shards from 0 to {count - 1}, the lower number first")
        return cls(tuple(range(first, last + 1)), count)

    def has(self, guild_id: int | None) -> bool:
        """Return True if a server's events come to this process; None stands for no server."""
        return ((guild_id or 0) >> TIME_BITS) % self.count in self.ids

    @property
    def are_all(self) -> bool:
        """Whether one process has all servers, and Discord says how many shards there are."""
        return self.count == 1

    @property
    def have_first(self) -> bool:
        """Whether this process does what only one of all may do, such as deleting old pictures."""
        return 0 in self.ids


ALL_SERVERS = Shards((0,), 1)
"""The shards of the only process."""
