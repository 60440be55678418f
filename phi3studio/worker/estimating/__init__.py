"""What a run will take here: facts, formulas, dry run, and the service that answers."""
