"""Libraries for an NVIDIA GPU that are installed on request: where, whole or damaged, in use."""
