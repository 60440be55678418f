"""What columns and messages mean: names, values, conversations, and what stays unread."""
