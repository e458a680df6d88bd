"""The plan that holds clew to its promises: one file for each line, named by its number. See docs/explanation."""
