"""Clients of the long-lived helper processes (data inspector, chat)."""
