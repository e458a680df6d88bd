"""Who watches a run: langchain-core's callbacks and tracers, and streams of tokens."""
