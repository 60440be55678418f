"""Measuring base, merged and exported model, and comparing them."""
