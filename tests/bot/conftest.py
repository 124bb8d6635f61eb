from tests.harness.bot_fixtures import any_words, bot, few_cutouts, settings
from tests.harness.stores import place, postgres, store

__all__ = ["any_words", "bot", "few_cutouts", "place", "postgres", "settings", "store"]
