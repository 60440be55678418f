"""From a data file to the examples that are trained: the one implementation.

``readers`` reads rows, ``render`` turns a row into text, ``tokenise`` turns text into ids and the
loss mask, ``split`` holds rows out, ``prepare`` does it all for a run and keeps the result.
"""
