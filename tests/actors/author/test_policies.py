"""Retry, cache and timeout policies: defaults, and which errors are tried again."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
import requests
from clew.actors.author.policies import (
    CachePolicy,
    RetryPolicy,
    default_cache_key,
    default_retry_on,
    retry_policies,
)
from clew.events.errors import NodeTimeoutError
from clew.events.vocabulary import TimeoutPolicy, timeout_policy
from hypothesis import given
from hypothesis import strategies as st

REQUEST = httpx.Request("GET", "http://shop.test")


def status_error(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("", request=REQUEST, response=httpx.Response(status, request=REQUEST))


def of_requests(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


class RateLimited(Exception):
    """As a model provider's: it carries a response too, and passes."""

    response = httpx.Response(429, request=REQUEST)


class Mystery(Exception):
    pass


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError(),
        ConnectionResetError(),
        status_error(500),
        of_requests(503),
        RateLimited(),
        Mystery(),
        NodeTimeoutError("a", 2.0, kind="run", run_timeout=1.0),
    ],
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    assert default_retry_on(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        TypeError(),
        ZeroDivisionError(),
        ImportError(),
        KeyError(),
        NameError(),
        SyntaxError(),
        RecursionError(),
        ReferenceError(),
        StopIteration(),
        StopAsyncIteration(),
        FileNotFoundError(),
        TimeoutError(),
        status_error(404),
        of_requests(404),
    ],
)
def test_what_would_fail_again_is_not_tried_again(error: Exception) -> None:
    assert not default_retry_on(error)


def test_defaults_are_those_people_know() -> None:
    assert RetryPolicy() == (0.5, 2.0, 128.0, 3, True, default_retry_on)
    assert (CachePolicy().key_func, CachePolicy().ttl) == (default_cache_key, None)
    assert TimeoutPolicy() == TimeoutPolicy(run_timeout=None, idle_timeout=None, refresh_on="auto")


@pytest.mark.parametrize(
    ("retry_on", "covers"),
    [
        (KeyError, True),
        (LookupError, True),
        (OSError, False),
        ([OSError, KeyError], True),
        (lambda e: True, True),
        ((), False),
    ],
)
def test_a_policy_covers_by_class_classes_or_predicate(retry_on: Any, covers: bool) -> None:
    assert RetryPolicy(retry_on=retry_on).covers(KeyError("k")) is covers


def test_waits_grow_to_their_limit() -> None:
    policy = RetryPolicy(initial_interval=1, backoff_factor=3, max_interval=10, jitter=False)
    assert [policy.wait_seconds(attempt, chance=0.9) for attempt in (1, 2, 3, 4)] == [1, 3, 9, 10]


@given(st.integers(1, 60), st.floats(0, 1, exclude_max=True))
def test_jitter_adds_at_most_a_second(attempt: int, chance: float) -> None:
    policy = RetryPolicy()
    bare = policy._replace(jitter=False).wait_seconds(attempt)
    assert bare <= policy.wait_seconds(attempt, chance) <= bare + 1
    assert bare <= policy.max_interval


def test_one_policy_or_several_become_a_tuple() -> None:
    policy = RetryPolicy()
    assert retry_policies(policy) == retry_policies([policy]) == (policy,)
    assert retry_policies(None) == ()


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(3, 3.0), (timedelta(minutes=1), 60.0), (TimeoutPolicy(run_timeout=timedelta(seconds=2)), 2.0)],
)
def test_timeouts_are_seconds(given: Any, seconds: float) -> None:
    assert timeout_policy(given) == TimeoutPolicy(run_timeout=seconds)


def test_no_limit_is_no_policy() -> None:
    assert timeout_policy(None) is None
    assert timeout_policy(TimeoutPolicy()) is None


def test_an_unknown_way_to_refresh_is_refused() -> None:
    with pytest.raises(ValueError, match="'often'"):
        timeout_policy(TimeoutPolicy(run_timeout=1, refresh_on="often"))  # type: ignore[arg-type]
