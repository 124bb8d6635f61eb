"""Which pictures look like another one: the embeddings in memory, kept as they are stored.

They are read when somebody asks first, and forgotten when nobody has asked for a while. What is
found here is only a proposal: the store decides whether a picture may be shown, and has its exact
embedding.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from bot.gallery.vectors import Floats, Vectors, read_vector
from bot.storage import Store

_ROWS_READ = 2000
"""Number of rows that are read at a time."""
_STALE_SHARE = 0.02
"""Share of embeddings whose pictures are gone, above which all are read anew."""


@dataclass
class _Known:
    """What was read of the embeddings by one perceptor."""

    perceptor: str = ""
    vectors: Vectors = field(default_factory=Vectors)
    rows: int = 0
    """Number of rows that were read."""
    last: int = 0
    """The number of the last row that was read."""


class Likeness:
    """Embeddings by one perceptor; those of another one are read when it is asked for."""

    def __init__(self, store: Store, idle_seconds: float) -> None:
        self._store = store
        self._idle_seconds = idle_seconds
        self._turn = asyncio.Lock()
        self._known = _Known()
        self._forgetting: asyncio.TimerHandle | None = None

    @property
    def bytes(self) -> int:
        """The memory that the embeddings take."""
        return self._known.vectors.bytes

    def forget(self) -> None:
        """Give the memory back; embeddings are read again when they are needed."""
        self._known = _Known()
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None

    async def nearest(
        self,
        perceptor: str,
        vector: Floats,
        most: int,
        channels: Collection[int],
        rows: Collection[int] | None = None,
    ) -> list[int]:
        """Return the rows of the pictures that are most like a vector (D,), the nearest first.

        Only those of some channels count, and, if `rows` are given, only these.
        """
        async with self._turn:
            vectors = await self._refreshed(perceptor)
            self._wait_to_forget()
            return await asyncio.to_thread(vectors.nearest, vector, most, channels, rows)

    async def _refreshed(self, perceptor: str) -> Vectors:
        """Read what was stored since the last time."""
        stored, known = await self._store.gallery_index.count(), self._known
        if perceptor != known.perceptor or known.rows - stored > _STALE_SHARE * known.rows:
            known = self._known = _Known(perceptor)  # a withdrawal meanwhile replaces it
        after = self._store.gallery_index.embedded_after
        while found := await after(perceptor, known.last, _ROWS_READ):
            if embedded := [each for each in found if each.vector]:
                ids = [each.id for each in embedded]
                channels = [each.channel_id for each in embedded]
                contents = [each.vector for each in embedded]
                await asyncio.to_thread(_add, known.vectors, contents, ids, channels)
            known.rows, known.last = known.rows + len(found), found[-1].id
        return known.vectors

    def _wait_to_forget(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
        loop = asyncio.get_running_loop()
        self._forgetting = loop.call_later(self._idle_seconds, self.forget)


def _add(
    vectors: Vectors, contents: Collection[bytes], ids: Collection[int], places: Collection[int]
) -> None:
    vectors.add(np.stack([read_vector(each) for each in contents]), ids, places)
