from tests.harness.bot_fixtures import quick_steps, settings, studio

__all__ = ["quick_steps", "settings", "studio"]
