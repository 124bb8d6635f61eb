"""The store as the rest of the program sees it."""

from bot.store.course import Course
from bot.store.drafts import Drafts
from bot.store.facts import Facts
from bot.store.jobs import Jobs
from bot.store.servers import Servers
from bot.store.usage import Usage


class Store(Jobs, Course, Drafts, Facts, Servers, Usage):
    """All parts of the store on one database. Made by `open_store`."""
