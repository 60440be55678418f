"""Limits of the exported model, as the wizard and a finished run ask for them."""
