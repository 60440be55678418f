"""llama.cpp, called through its C interface."""
