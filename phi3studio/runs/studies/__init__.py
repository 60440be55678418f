"""Training searches on disk, and the mark of the runs that belong to one."""
