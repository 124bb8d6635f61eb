"""What the program counts and measures about itself, for Prometheus and the host's page."""

from bot.monitoring.metrics import Metrics

__all__ = ["Metrics"]
