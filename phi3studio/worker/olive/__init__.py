"""Microsoft Olive: its configurations, its workflows, and our passes on its own."""
