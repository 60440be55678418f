"""GPTQ on any grid, for ONNX and GGUF."""
