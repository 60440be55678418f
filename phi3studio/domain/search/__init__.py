"""The search for the best export within limits: what can be built, what is next, what wins."""
