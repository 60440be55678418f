"""The section Azure ML of the page Target."""
