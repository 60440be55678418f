"""A finished model taken along: exported, uploaded, used elsewhere."""
