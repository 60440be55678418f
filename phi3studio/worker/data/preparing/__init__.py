"""From rows to the tokens that are trained: repaired, rendered, masked, split."""
