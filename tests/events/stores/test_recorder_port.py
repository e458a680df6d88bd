"""Our stores work through eventsourcing's recorder port, and `PERSISTENCE_MODULE` selects them."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from uuid import UUID, uuid4

import pytest
from clew.actors.kit.store_contract import entry
from clew.events.stores.recorder import CommitRecorder
from clew.events.stores.store import WAITING, Head, Position, ThreadHead
from clew.events.stores.stream import TOPIC, state_of, stream_key
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    StoredEvent,
)


@pytest.fixture
def recorder(store: CommitRecorder) -> CommitRecorder:
    """Each of our stores, from the session's `store` fixture, is a recorder."""
    assert isinstance(store, ApplicationRecorder)
    return store


def event(stream: UUID, version: int, topic: str = TOPIC) -> StoredEvent:
    return StoredEvent(stream, version, topic, bytes(32) + f"{stream} {version}".encode())


def test_the_port_and_the_store_reach_the_same_rows(recorder: CommitRecorder) -> None:
    written = entry("t", 0)
    position = recorder.append(written)
    stream = UUID(bytes=stream_key("", "t"))
    assert recorder.select_events(stream) == [StoredEvent(stream, 0, TOPIC, state_of(written))]
    again = entry("t", 1)
    [second] = recorder.insert_events([StoredEvent(stream, 1, TOPIC, state_of(again))])
    assert second > position
    assert [row.version for row in recorder.read("t")] == [0, 1]  # type: ignore[attr-defined]
    assert recorder.append(again) == second
    assert [found.state for found in recorder.select_notifications(position, 10)] == [
        state_of(written),
        state_of(again),
    ]


def test_an_event_that_came_through_the_port_leaves_the_head_as_it_was(recorder: CommitRecorder) -> None:
    written = entry("t", 0, status=WAITING)
    recorder.append(written)
    recorder.insert_events([event(UUID(bytes=stream_key("", "t")), 1)])
    assert recorder.head("t") == ThreadHead("t", 1, written.head)  # type: ignore[attr-defined]
    assert [found.thread for found in recorder.heads(WAITING)] == ["t"]  # type: ignore[attr-defined]


def test_a_stream_that_began_through_the_port_has_an_empty_head_of_no_tenant(recorder: CommitRecorder) -> None:
    stream = uuid4()
    recorder.insert_events([event(stream, 0)])
    [found] = recorder.heads()  # type: ignore[attr-defined]
    assert (found.version, found.head, found.tenant) == (0, Head(), "")
    [(_, row)] = recorder.follow(Position())  # type: ignore[attr-defined]
    assert (row.thread, row.version, row.tenant) == (found.thread, 0, "")
    with pytest.raises(IntegrityError, match=re.escape(found.thread) + ".*version 0 is not the next"):
        recorder.insert_events([event(stream, 0)])


def test_events_are_selected_by_version_in_both_directions(recorder: CommitRecorder) -> None:
    stream = uuid4()
    for version in range(6):
        recorder.insert_events([event(stream, version)])

    def versions(**limits: int | bool) -> list[int]:
        found = recorder.select_events(stream, **limits)  # type: ignore[arg-type]
        return [event.originator_version for event in found]

    assert versions(gt=1, lte=4) == [2, 3, 4]
    assert versions(desc=True, limit=2) == [5, 4]
    assert versions(limit=2) == [0, 1]
    assert versions(lte=2, desc=True) == [2, 1, 0]
    assert recorder.select_events(uuid4()) == []
    assert recorder.select_events(str(stream), limit=1)[0].originator_id == stream


@pytest.mark.parametrize("versions", [[1], [0, 2], [0, 0], [-1]])
def test_a_gap_or_repetition_is_an_integrity_error_and_writes_nothing(
    recorder: CommitRecorder, versions: list[int]
) -> None:
    stream = uuid4()
    with pytest.raises(IntegrityError):
        recorder.insert_events([event(stream, version) for version in versions])
    assert recorder.select_events(stream) == []
    assert recorder.max_notification_id() is None


def test_several_streams_are_stored_together_or_not_at_all(recorder: CommitRecorder) -> None:
    one, two = uuid4(), uuid4()
    recorder.insert_events([event(one, 0), event(two, 0), event(one, 1)])
    with pytest.raises(IntegrityError):
        recorder.insert_events([event(two, 1), event(one, 1)])
    assert len(recorder.select_events(one)) == 2
    assert len(recorder.select_events(two)) == 1


def test_an_erased_stream_refuses_the_port_too(recorder: CommitRecorder) -> None:
    recorder.append(entry("t", 0))
    recorder.erase("t")  # type: ignore[attr-defined]
    for version in (0, 1):
        with pytest.raises(IntegrityError):
            recorder.insert_events([event(UUID(bytes=stream_key("", "t")), version)])


def test_notifications_come_by_position(recorder: CommitRecorder) -> None:
    streams = [uuid4() for _ in range(3)]
    positions = [recorder.insert_events([event(stream, 0)])[0] for stream in streams]
    found = recorder.select_notifications(None, 10)
    assert [(n.id, n.originator_id, n.originator_version) for n in found] == [
        (position, stream, 0) for position, stream in zip(positions, streams, strict=True)
    ]
    assert [n.id for n in recorder.select_notifications(positions[1], 10)] == positions[1:]
    assert [n.id for n in recorder.select_notifications(positions[1], 10, inclusive_of_start=False)] == positions[2:]
    assert [n.id for n in recorder.select_notifications(1, 10, stop=positions[1])] == positions[:2]
    assert [n.id for n in recorder.select_notifications(1, 1)] == positions[:1]
    assert recorder.select_notifications(1, 10, topics=["other"]) == []
    assert len(recorder.select_notifications(1, 10, topics=["other", TOPIC])) == 3
    assert recorder.max_notification_id() == positions[-1]


def test_a_subscription_gets_old_and_new_events_and_ends_when_stopped(recorder: CommitRecorder) -> None:
    stream = uuid4()
    recorder.insert_events([event(stream, 0)])
    with recorder.subscribe() as subscription:
        assert next(subscription).originator_version == 0
        writer = Thread(target=lambda: [recorder.insert_events([event(stream, version)]) for version in (1, 2)])
        writer.start()
        assert [next(subscription).originator_version for _ in range(2)] == [1, 2]
        writer.join()
        subscription.stop()
        assert list(subscription) == []
    with recorder.subscribe(gt=recorder.max_notification_id()) as subscription:
        recorder.insert_events([event(stream, 3)])
        assert next(subscription).originator_version == 3


def test_only_clew_s_commits_are_kept(recorder: CommitRecorder) -> None:
    with pytest.raises(ProgrammingError, match="os:system"):
        recorder.insert_events([event(uuid4(), 0, topic="os:system")])
    with pytest.raises(ProgrammingError, match="no UUID"):
        recorder.select_events("thread-1")


@pytest.fixture(params=["memory", "sqlite"])
def factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InfrastructureFactory]:
    settings = {
        "PERSISTENCE_MODULE": f"clew.events.stores.{request.param}",
        "SQLITE_DBNAME": str(tmp_path / "threads.db"),
    }
    with closing(InfrastructureFactory.construct(settings)) as factory:
        yield factory


def test_a_setting_selects_the_store(factory: InfrastructureFactory) -> None:
    recorder = factory.application_recorder()
    assert isinstance(recorder, CommitRecorder)
    recorder.insert_events([event(uuid4(), 0)])
    assert recorder.max_notification_id() == 1
    assert isinstance(factory.aggregate_recorder(), CommitRecorder)


def test_what_the_factory_does_not_offer_it_says(factory: InfrastructureFactory) -> None:
    for call in (factory.tracking_recorder, factory.process_recorder, lambda: factory.aggregate_recorder("snapshots")):
        with pytest.raises(NotSupportedError, match="clew"):
            call()


def test_a_sqlite_setting_without_a_file_is_refused() -> None:
    factory = InfrastructureFactory.construct({"PERSISTENCE_MODULE": "clew.events.stores.sqlite"})
    with pytest.raises(OSError, match="SQLITE_DBNAME"):
        factory.application_recorder()
