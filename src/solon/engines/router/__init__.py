"""How much thought a request gets: levels, floors and caps, what providers call them, and whether they obey.

Pure: nothing here reads a clock, a socket or a file but the table of providers that lies beside it. The gateway asks
(``solon.gateway.effort``), sends, counts and records.
"""
