"""The words of the house: floor 0, plain values that every other floor shares.

Integers inside: prices are tick indices, times UTC nanoseconds, money cents, sizes contracts.
Nothing here reads a clock, a file or the environment.
"""
