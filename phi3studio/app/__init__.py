"""The program itself: folders, settings, tokens, the frozen app, updates, processes."""
