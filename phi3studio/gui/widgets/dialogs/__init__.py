"""Dialogs of the system, and for what the system does not do."""
