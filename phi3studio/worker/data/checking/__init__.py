"""Findings in rows and in whole data sets."""
