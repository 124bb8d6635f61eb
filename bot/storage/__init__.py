"""The store: every accepted job, so that none is forgotten.

SQLAlchemy over SQLite. A job is stored before anybody is told that it is queued, and every change
of its state is one transaction. Only one program at a time may use the folder.
"""

from bot.storage.connection import open_store
from bot.storage.retry import with_retry
from bot.storage.store import Store

__all__ = ["Store", "open_store", "with_retry"]
