"""What a run will take, and settings that fit a machine. Pure."""
