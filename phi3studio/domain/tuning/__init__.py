"""A training search within a time budget: what is tried, what goes on, what is taken."""
