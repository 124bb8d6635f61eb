from tests.harness.bot_fixtures import bot, few_cutouts, settings

__all__ = ["bot", "few_cutouts", "settings"]
