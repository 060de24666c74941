"""The reference: one module a page, each with a function that returns the page as Markdown."""
