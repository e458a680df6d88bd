"""A cache in a Redis server."""

from clew.actors.caching.redis import RedisCache

__all__ = ["RedisCache"]
