"""Local mode: the same bot on a simulated Discord, shown as a page in a local browser.

It needs no Discord application. simcord simulates Discord in memory: it starts empty and is lost
when the program ends. `studio` makes the server and keeps the page up to date; `front` stands
between the browser and simcord's page, and adds what a new user expects; `typed_commands` reads
commands that are typed as text.
"""

from bot.local_preview.studio import UPLOAD_HOSTS, serve

__all__ = ["UPLOAD_HOSTS", "serve"]
