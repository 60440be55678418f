"""What builds documents, pictures and translations: nothing that a user runs."""
