"""Commands that ask which answers are better, and keep what was said."""
