"""The engine threads, one for each painter: the only code of the bot that touches models."""
