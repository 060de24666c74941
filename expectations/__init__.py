"""What data must be before anything is trained on it or answered from it. Great Expectations lives here only."""
