from tests.harness.bot_fixtures import few_cutouts, settings

__all__ = ["few_cutouts", "settings"]
