"""What the thread actor is told, what it keeps book of while runs are under way, and its writing half."""
