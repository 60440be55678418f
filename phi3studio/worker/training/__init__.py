"""The training itself: trainer, batches, checkpoints, recovery, and faster layers."""
