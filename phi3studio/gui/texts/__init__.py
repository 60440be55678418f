"""What the window says: languages, messages, numbers, states."""
