"""Errors that people are told about, and the sentences for them."""

FAULT = "Something went wrong on my side, and it was logged. Please try again."
"""What people are told of an error that they did not cause."""


RESTARTING = "I am about to restart. Try again in a minute."


class UserError(Exception):
    """Somebody asked for what is not allowed or not possible; the message says what to do."""


def sentence(text: str) -> str:
    """A message of the engine's as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")
