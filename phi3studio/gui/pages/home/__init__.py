"""Home: the runs as cards."""
