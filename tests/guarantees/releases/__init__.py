"""R18: stores and logs as each release wrote them, which every later one opens and replays."""
