"""The page Data: source, rows, template, preview, findings, split."""
