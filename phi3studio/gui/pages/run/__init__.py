"""One run: its course while it goes on, its result when it is done."""
