"""What is measured in a run and after it: scratch folders, the record of a search."""
