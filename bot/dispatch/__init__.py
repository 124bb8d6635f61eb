"""One queue and its painters for several processes of a bot.

The dispatcher has the queue, the painters and what stores their events. Each process is a front of
it: it accepts commands of its own servers and tells people how their jobs go.
"""
