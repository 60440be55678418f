"""What a run reports: one JSON object a line in ``events.jsonl``."""
