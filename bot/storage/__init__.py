"""The store: SQLAlchemy over SQLite, so that jobs and settings survive a restart.

A job is stored before it is announced, and each change of its state is one transaction. Only one
program at a time may use the folder.
"""

from bot.storage.connection import open_fenced_store, open_store
from bot.storage.retry import retrying
from bot.storage.store import Store

__all__ = ["Store", "open_fenced_store", "open_store", "retrying"]
