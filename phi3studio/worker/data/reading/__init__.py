"""From files to rows: formats, encodings, CSV dialects, archives."""
