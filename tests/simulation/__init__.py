"""Deterministic simulation: the whole product below the screen, in virtual time, against everything that can go wrong."""
