"""The chat: exported models in memory, their conversations, and onnxruntime-genai."""
