"""A thread's log as lines: which node, when, who, in what words; and never an error, whatever the log holds."""

from __future__ import annotations

from clew import Command, InMemorySaver, MessagesState, StateGraph, interrupt
from clew.events.codec.commits import decode_commit
from clew.events.codec.values import Codec
from clew.events.vocabulary import (
    EVENT_TYPES,
    Commit,
    EffectRecorded,
    Forked,
    InterruptRaised,
    NodeCompleted,
    NodeStarted,
    Payload,
    PlannedTask,
    Recorded,
    Resumed,
    RunStarted,
    StepCommitted,
    StepPlanned,
    Unknown,
    Write,
)
from clew.projections.audit.story import StoryLine, story
from clew.projections.audit.wording import WORDINGS
from clew.testing import call
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from tests.events.strategies import commits, values

SECOND = 1_000_000


def recorded(*groups: list, actor: str = "") -> list[Recorded]:
    """A thread of one commit for each list of events, a second apart."""
    return [
        Recorded("t", version, version, b"", Commit(bytes(16), version * SECOND, events, actor=actor))
        for version, events in enumerate(groups)
    ]


def started(*writes: Write, ns: str = "") -> RunStarted:
    return RunStarted(ns=ns, run="r", fingerprint=b"", writes=list(writes))


def planned(*nodes: str, ns: str = "") -> StepPlanned:
    return StepPlanned(ns=ns, tasks=[PlannedTask(node) for node in nodes])


def question(task: int, name: str = "q", ns: str = "") -> InterruptRaised:
    return InterruptRaised(
        ns=ns, task=task, question=name, scope="", ordinal=0, digest=bytes(16), value=Payload({"query": "really?"})
    )


def wrote(task: int, **channels: object) -> NodeCompleted:
    return NodeCompleted(task=task, writes=[Write(name, Payload(value)) for name, value in channels.items()])


def told(*groups: list, **options: object) -> list[tuple[str, str, str]]:
    """(event, node, what) of each line."""
    return [(line.event, line.node, line.what) for line in story(recorded(*groups), **options)]  # type: ignore[arg-type]


def test_every_event_of_the_vocabulary_has_its_words() -> None:
    assert WORDINGS.keys() == {*EVENT_TYPES, Unknown}


def test_a_line_names_the_node_that_its_task_number_means() -> None:
    lines = told(
        [started(), StepCommitted(), planned("a", "b"), NodeStarted(task=0), NodeStarted(task=1)],
        [wrote(1, x=1)],
        [wrote(0, x=2), StepCommitted(), planned("c"), NodeStarted(task=0)],
    )
    nodes = [(event, node) for event, node, _ in lines if node]
    assert nodes == [
        ("NodeStarted", "a"),
        ("NodeStarted", "b"),
        ("NodeCompleted", "b"),
        ("NodeCompleted", "a"),
        ("NodeStarted", "c"),
    ]


def test_tasks_that_a_command_adds_to_the_open_step_are_counted_on() -> None:
    lines = told([started(), StepCommitted(), planned("a")], [planned("b"), NodeStarted(task=1)])
    assert lines[-1] == ("NodeStarted", "b", "attempt 1")


def test_an_answer_stands_at_the_node_that_asked_even_after_another_step_was_planned() -> None:
    answer = Resumed(question="q", value=Payload({"data": "yes"}), who="ada")
    lines = list(
        story(
            recorded(
                [started(), StepCommitted(), planned("ask"), question(0)],
                [answer, NodeStarted(task=0, attempt=2)],
                [wrote(0), StepCommitted(), planned("other")],
                [answer],
            )
        )
    )
    answers = [line for line in lines if line.event == "Resumed"]
    assert [(line.node, line.who, line.what) for line in answers] == [("ask", "ada", "answer {'data': 'yes'}")] * 2


def test_sub_graphs_count_their_tasks_apart() -> None:
    lines = told(
        [started(), StepCommitted(), planned("parent")],
        [started(ns="parent:1"), StepCommitted(ns="parent:1"), planned("child", ns="parent:1")],
        [NodeStarted(ns="parent:1", task=0), NodeStarted(task=0)],
    )
    assert [node for event, node, _ in lines if event == "NodeStarted"] == ["child", "parent"]


def test_a_branch_takes_up_the_tasks_of_the_checkpoint_it_starts_from() -> None:
    lines = told(
        [started(), StepCommitted(), planned("a")],
        [wrote(0), StepCommitted(), planned("b")],
        [Forked(version=0, ordinal=1), NodeStarted(task=0)],
    )
    assert lines[-2:] == [
        ("Forked", "", "branch: runs again from version 0, checkpoint 1"),
        ("NodeStarted", "a", "attempt 1"),
    ]


def test_a_line_has_its_address_its_own_time_and_the_sender() -> None:
    late = NodeStarted(task=0, lag=250)
    lines = list(story(recorded([started()], [StepCommitted(), planned("a"), late], actor="process 7")))
    assert [(line.version, line.index) for line in lines] == [(0, 0), (1, 0), (1, 1), (1, 2)]
    assert [line.time for line in lines] == [0, SECOND, SECOND, SECOND - 250]
    assert {line.who for line in lines} == {"process 7"}


def test_messages_are_told_as_who_says_what() -> None:
    spoken = AIMessage("Let me ask.", tool_calls=[{**call("ask", query="how?"), "id": "1"}])
    lines = told([started(Write("messages", Payload([HumanMessage("Hello,\n  you"), spoken])))])
    assert lines[0][2] == "input messages: human: Hello, you; ai: Let me ask. -> ask(query='how?')"


def test_long_values_are_cut_and_control_characters_are_not_passed_on() -> None:
    effect = EffectRecorded(
        task=0, scope="", name="search", digest=b"", ordinal=0, value=Payload([HumanMessage("\x1b[2Jgone" + "x" * 500)])
    )
    [(_, _, what)] = told([effect], characters_max=40)
    assert what == "search gave human: ?[2Jgonexxxxxxxxxx..."
    assert len(what) == 40


def test_a_value_that_cannot_be_read_or_shown_is_told_as_such() -> None:
    class Sulking:
        def __repr__(self) -> str:
            raise ValueError("no")

    broken = Payload.stored(b"\xc1", Codec())
    lines = told([wrote(0, x=Sulking())], [Resumed(question="q", value=broken)])
    assert lines[0][2] == "wrote x: (Sulking whose repr raises ValueError)"
    assert lines[1][2].startswith("answer (cannot be read: ")


def test_an_event_of_a_newer_clew_is_told_as_such() -> None:
    assert told([Unknown(99, [])]) == [("Unknown", "", "event 99 of a newer clew: upgrade to read it")]


def test_a_real_threads_story_needs_no_graph() -> None:
    def ask(state: MessagesState) -> dict:
        return {"messages": [("ai", interrupt("really?"))]}

    saver = InMemorySaver()
    graph = StateGraph(MessagesState).add_sequence([ask]).set_entry_point("ask").compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "t"}}
    graph.invoke({"messages": [("user", "hi")]}, config)  # type: ignore[arg-type]
    graph.invoke(Command(resume="yes"), {"configurable": {"thread_id": "t", "who": "ada"}})
    rows = saver.store.read("t")
    log = [
        Recorded("t", row.version, row.position, row.digest, decode_commit(row.body, Codec(), thread="t", version=0))
        for row in rows
    ]
    shown = [(line.event, line.node, line.what, line.who) for line in story(log)]
    assert ("InterruptRaised", "ask", "asks 'really?'", "") in shown
    assert ("Resumed", "ask", "answer 'yes'", "ada") in shown
    assert shown[-1] == ("RunFinished", "", "completed", "ada")


@given(st.lists(commits(values(max_leaves=4)), max_size=4))
def test_no_log_that_the_vocabulary_allows_breaks_a_story(log: list[Commit]) -> None:
    lines = list(story(Recorded("t", n, n, b"", commit) for n, commit in enumerate(log)))
    assert len(lines) == sum(len(commit.events) for commit in log)
    assert all(is_one_printable_line(line) for line in lines)


def is_one_printable_line(line: StoryLine) -> bool:
    return line.what.isprintable() and len(line.what) <= 200
