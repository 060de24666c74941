"""Web servers that sources lie on: whom a source may reach, what a page links to, and how much is downloaded."""
