"""Building blocks of the window. They draw values and report what the user did."""
