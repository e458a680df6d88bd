"""What every cache offers."""

from clew.actors.caching.base import BaseCache, FullKey, Namespace, ValueT

__all__ = ["BaseCache", "FullKey", "Namespace", "ValueT"]
