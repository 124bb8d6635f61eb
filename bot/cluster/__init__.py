"""Painters in other processes, on this machine or others: what the bot and they say to each other.

A painter over there is the same as here (`bot.worker`), at a seat that passes everything on. Ray
only starts the processes and carries the messages: one module imports it.
"""
