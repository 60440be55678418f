"""The stages of a run, one module each.

Every module has ``is_done(attempt)``, whether an earlier attempt left the stage's result, and
``do(attempt)``, which makes it: the result is verified and renamed into place, or nothing is.
``search_exports`` is what quantise does for a recipe with limits.
"""
