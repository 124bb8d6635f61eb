"""The Discord bot's services: settings, jobs, their store, the queue, the reporter.

`bot` stands between Discord and the engine. It knows the public names of `engine`, loads the
cogs by name and imports none of them: arrows point from `cogs` to `bot` to `engine`, never back.
"""
