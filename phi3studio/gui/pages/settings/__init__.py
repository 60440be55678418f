"""Settings: look, computing, folders, sign-in, privacy, about."""
