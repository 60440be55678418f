"""The wizard without Qt: a draft, what is wrong with it, and the way to a recipe."""
