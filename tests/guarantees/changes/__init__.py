"""R15's corpus: a program whose threads pause, its edits, and what became of each thread."""
