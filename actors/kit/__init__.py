"""What `clew.testing` opens: models from a script, the contract of stores."""
