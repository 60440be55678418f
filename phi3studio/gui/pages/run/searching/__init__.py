"""A run's search for an export: as it goes, and what it found."""
