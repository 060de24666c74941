"""What is kept about each client, for how long, and how images are erased everywhere."""
