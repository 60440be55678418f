"""What somebody thinks of a model's answers, and what is trained from it."""
