"""Open questions across threads."""
