"""What somebody thinks of the answers."""
