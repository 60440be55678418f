"""The messages in English, a module for each topic."""
