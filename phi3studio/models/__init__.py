"""Base models on this disk: what is known, what is there, and whether it is whole."""
