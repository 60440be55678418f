"""From any data set to the examples that are trained: the one implementation.

::

    files, encoding, sniff          which files, what they are, their text
    read_json, read_text, read_tables, broken, rows
                                    rows in batches, broken lines by number
    repair, clean, secrets          what is repaired in a row
    render, tokenise, process       row -> text -> ids and loss mask
    survey, nearby, decide, split   what is left out and what is held out
    prepare, snapshot               the examples of a run, kept
    lint, wholelint, check          statistics and findings
    describe, shapes, templates, preview, cache     what the inspector shows

Preview, check and training go through ``process`` alike, so what is shown is what is trained.
"""
