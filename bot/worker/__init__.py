"""The engine thread: the only code of the bot that touches models."""
