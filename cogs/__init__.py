"""What a person can do on Discord, one cog per file: parse the request, check it, answer.

Cogs hold no state and no long-lived task. They know the services of `bot` and, through them,
the engine: arrows point from `cogs` to `bot` to `engine`, never back.
"""
