"""What a stream shows for a commit."""
