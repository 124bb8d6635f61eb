"""The store as the rest of the program sees it."""

from bot.storage.drafts import Drafts
from bot.storage.guild_settings import Servers
from bot.storage.history import History
from bot.storage.jobs import Jobs
from bot.storage.key_values import Facts
from bot.storage.lifecycle import Course
from bot.storage.personal_data import Privacy
from bot.storage.quotas import Usage
from bot.storage.retention import Retention


class Store(Jobs, Course, Drafts, Facts, History, Privacy, Retention, Servers, Usage):
    """All parts of the store on one database. Made by `open_store`."""
