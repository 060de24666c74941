"""One image file: its pixels, its identity, what it says of its origin, and degraded copies of it."""
