"""New fine-tune: five pages over one draft."""
