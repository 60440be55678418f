"""Chat: talk to one or several models."""
