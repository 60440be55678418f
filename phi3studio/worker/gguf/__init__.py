"""GGUF: a run's model written for llama.cpp, Ollama and LM Studio, and proven."""
