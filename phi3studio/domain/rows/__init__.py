"""Repairs of single rows, as a recipe records them."""
