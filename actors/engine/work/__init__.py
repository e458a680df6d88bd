"""What the thread actor is told, and what it keeps book of while runs are under way."""
