from tests.harness.bot_fixtures import any_words, bot, few_cutouts, settings

__all__ = ["any_words", "bot", "few_cutouts", "settings"]
