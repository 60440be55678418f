"""What is shown of a run besides its events: how far it is, its notes, its chats."""
