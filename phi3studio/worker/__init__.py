"""The worker: the only importer of the machine learning stack. Runs in processes of its own."""
