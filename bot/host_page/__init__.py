"""What whoever hosts the bot opens: a page, health checks, and metrics for Prometheus.

One server in the bot's process answers it. It starts before Discord is reached and the models are
loaded, so that it can say so. It speaks HTTP, by default to this machine only.
"""

from bot.host_page.server import HostPage, open_host_page

__all__ = ["HostPage", "open_host_page"]
