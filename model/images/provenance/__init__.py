"""What an image file says of its own origin."""
