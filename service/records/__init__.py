"""What is kept of verdicts, and of what users say of them."""
