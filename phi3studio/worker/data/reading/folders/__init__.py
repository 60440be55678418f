"""Which files of a folder are read, and what the folder says of them."""
