"""Programs of others that use an exported model, and what each wants of it."""
