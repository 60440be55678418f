"""Files that are dropped or chosen: recipes, Olive configs, data."""
