from tests.harness.bot_fixtures import no_pauses, quick_steps, settings, studio

__all__ = ["no_pauses", "quick_steps", "settings", "studio"]
