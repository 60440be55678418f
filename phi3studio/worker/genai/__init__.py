"""onnxruntime-genai: its models, its C interface, adapters kept apart, what this flavour runs."""
