"""Torture: kills, fuzzed inputs, an empty network and a simulated week, repeatable by a seed."""
