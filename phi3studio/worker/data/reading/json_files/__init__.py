"""JSON documents of any size, read in a stream."""
