"""Discord commands, buttons and listeners, one cog per file: parse, check, call, respond.

Cogs hold no state and start no long-lived task. Imports point from `cogs` to `bot` to `engine`,
never back.
"""
