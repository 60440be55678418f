"""What a source is and what the model will see of one row."""
