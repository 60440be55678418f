"""What is wrong with a recipe, and what it still lacks."""
