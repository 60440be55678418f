"""Searches of Olive: their strategy, the values they try, and the goals of their metrics."""
