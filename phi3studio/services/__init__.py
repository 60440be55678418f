"""Clients of the long-lived service processes (data inspector, chat)."""
