"""From any data set to the examples that are trained: the one implementation.

::

    reading      files and formats -> rows in batches, broken lines by number
    meaning      what columns and messages mean, and what stays unread
    preparing    repaired rows -> text -> ids and loss mask; what is left or held out; snapshots
    checking     statistics and findings
    inspecting   first look, proposed shapes, templates, preview

Preview, check and training go through ``preparing.row_pipeline`` alike, so what is shown is what is
trained.
"""
