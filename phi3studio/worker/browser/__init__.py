"""An exported model written for a page in a browser."""
