"""What the market is doing: pure accumulators, from one trade to the whole state.

Floor 1: numbers in, numbers out. Sums are integers divided when read, so how a stream was cut never shows.
"""
