"""A wire-level Interactive Brokers gateway: the real, unmodified client library connects to it over TCP.

Read it from `wire` (frames) over `messages` and `requests` (fields) to `gateway` (what it does) and `server` (sockets).
`faults` says what can be made to go wrong, `control` how a test asks for it.
"""
