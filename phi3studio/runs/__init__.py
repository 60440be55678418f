"""Run folders and the processes that fill them. Never Qt, never machine learning libraries."""
