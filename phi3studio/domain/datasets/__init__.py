"""Data sets: a source of rows, and the reports on it."""
