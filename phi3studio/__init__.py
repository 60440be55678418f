"""Phi-3 Studio: fine-tune small language models on your own computer."""

__version__ = "0.1.0"
