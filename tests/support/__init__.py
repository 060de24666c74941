"""What several test files share, by plain names."""
