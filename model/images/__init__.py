"""One image file: its pixels, its identity, and the same image in worse condition."""
