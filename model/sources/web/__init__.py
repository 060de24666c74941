"""Web servers that sources lie on: which hosts may be reached, what a page links to, how much is downloaded."""
