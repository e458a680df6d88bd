"""Runs and checks the documents: README.md and docs/."""
