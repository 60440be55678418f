"""The life of a run's process: started, supervised, cancelled, reported on, kept private."""
