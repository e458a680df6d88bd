"""`clew inbox`: what waits for a person, across threads; and answering it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from ....events.errors import ClewError, InvalidAnswer
from ....events.vocabulary import Command
from ....projections.audit.plain import plain
from ....projections.audit.records import moment
from ....projections.inbox.listing import InboxItem
from ....projections.state.thread import Question
from ...operator.answering import answer_question, check_answer
from ...operator.asking import inbox as items_of
from ...operator.asking import open_questions
from ..frame.desk import Desk, graph_option, offered, user, who_option, with_desk
from ..frame.group import Failure
from ..frame.names import question_named
from ..frame.output import Column
from ..frame.running import code_of, run_on, say_how_it_stands
from ..frame.times import age, day_and_time, now
from .state import value_words_of

COLUMNS = (
    Column("question", style="cyan"),
    Column("thread", width_max=14),
    Column("node", width_max=14),
    Column("waits", right=True),
    Column("who may", width_max=12),
    Column("asks", fold=True),
)


class QuestionName(click.ParamType[str]):
    """A question's id or its unique beginning; shells are offered what waits."""

    name = "question"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        """The ids of open questions that begin so."""
        return offered(ctx, incomplete, lambda desk: (item.id[:8] for item in items_of(desk.saver)))


question_argument = click.argument("question", type=QuestionName())
thread_option = click.option("--thread", metavar="ID", help="Only of this thread.")


@click.group()
def inbox() -> None:
    """Questions that wait for a person, across threads."""


@inbox.command("list")
@with_desk()
@thread_option
@click.option("--graph", metavar="NAME", help="Only of this graph's threads.")
@click.option("--node", metavar="NAME", help="Only what this node asks.")
@click.option("--who", metavar="NAME", help="Only what this person may answer.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
def list_questions(
    desk: Desk, thread: str | None, graph: str | None, node: str | None, who: str | None, limit: int
) -> None:
    """List every open question, the one that waits longest first."""
    named = None if thread is None else desk.thread(thread)
    found = [
        item
        for item in items_of(desk.saver)
        if named in (None, item.thread)
        and graph in (None, item.graph)
        and node in (None, item.question.node)
        and (who is None or item.may_answer(who))
    ]
    shown = found[:limit]
    asked = _Asked(desk)
    desk.out.rows(
        COLUMNS, (_row(item, asked.of(item)) for item in shown), (_record(item, asked.of(item)) for item in shown)
    )
    if len(found) > limit:
        desk.out.say(f"{limit} are shown, {len(found)} wait: --limit {len(found)}", "dim")
    if shown:
        desk.next("inbox", "show", shown[0].id[:8])
    else:
        desk.out.say("nothing waits", "dim")


@inbox.command("show")
@with_desk()
@question_argument
@thread_option
def show_question(desk: Desk, question: str, thread: str | None) -> None:
    """Show what a question asks, of whom, since when, and what an answer looks like.

    QUESTION is its id, or a beginning that no other open one has.
    """
    item = question_named(desk.saver, question, None if thread is None else desk.thread(thread))
    asked = open_questions(desk.saver, item.thread).get(item.id)
    value, schema = _value(asked), _schema(asked)
    known = item.question
    facts = [
        ("question", item.id),
        ("thread", item.thread),
        ("graph", item.graph),
        ("node", known.node),
        ("asked", f"{day_and_time(known.asked_at)} UTC, {age(known.asked_at)} ago"),
        (
            "deadline",
            f"{day_and_time(known.deadline)} UTC" + (", passed" if item.overdue(now()) else "")
            if known.deadline
            else "none",
        ),
        ("who may", ", ".join(known.who) or "anybody"),
        ("asks", value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False, indent=2)),
        ("schema", "none: any JSON" if schema is None else json.dumps(schema, ensure_ascii=False, indent=2)),
    ]
    desk.out.record(facts, _record(item, asked))
    desk.next("inbox", "answer", item.id[:8], "JSON")


@inbox.command("answer")
@with_desk("rw")
@question_argument
@click.argument("answer", metavar="JSON", required=False)
@click.option("--text", metavar="TEXT", help="Answer with this text, as it is.")
@click.option(
    "--file", type=click.File("r", encoding="utf-8"), help="Answer with the JSON in this file; - is standard input."
)
@who_option
@click.option("--comment", metavar="TEXT", default="", help="What goes into the log besides.")
@thread_option
@graph_option
def answer_one(
    desk: Desk,
    question: str,
    answer: str | None,
    text: str | None,
    file: Any,
    who: str | None,
    comment: str,
    thread: str | None,
    graph: str | None,
) -> None:
    """Answer a question: with JSON, a text, a file, or at a prompt.

    The answer is checked against the question's schema and recorded with who
    gave it; a second one is refused with the winner's name. Nothing runs
    unless --graph names the graph's code: else the thread goes on when a
    service takes it up.
    """
    if sum(one is not None for one in (answer, text, file)) > 1:
        raise Failure("give one answer: as JSON, with --text, or with --file")
    if graph is not None and comment:
        raise Failure("--comment is recorded with an answer alone: leave --graph out, and then: clew retry --graph")
    item = question_named(desk.saver, question, None if thread is None else desk.thread(thread))
    asked = open_questions(desk.saver, item.thread).get(item.id)
    code = None if graph is None else code_of(desk, graph, item.thread)
    value = _given(desk, item, asked, answer, text, file)
    person = user(who)
    record: dict[str, Any] = {"thread": item.thread, "question": item.id, "node": item.question.node, "who": person}
    if code is None:
        recorded = answer_question(desk.saver, item.thread, item.id, value, who=person, comment=comment)
        record |= {"version": recorded.version, "open": recorded.open, "ran": False}
        desk.out.record([(name, str(fact)) for name, fact in record.items()], record)
        desk.out.say(
            f"recorded. Nothing ran: node {recorded.node!r} goes on when a service takes the thread up "
            "(graph.invoke(None, config)), or with the graph's code here"
        )
        desk.next("retry", item.thread, "--graph", "MODULE:NAME")
        return
    if asked is not None:
        check_answer(asked, value)
    outcome = run_on(desk, code, item.thread, Command(resume={item.id: value}), person)
    head = desk.saver.store.head(item.thread, desk.saver.tenant)
    record |= {"version": -1 if head is None else head.version, "open": len(outcome["asked"]), "ran": True, **outcome}
    desk.out.record([(name, str(fact)) for name, fact in record.items()], record)
    say_how_it_stands(desk, item.thread, outcome)


def _given(desk: Desk, item: InboxItem, asked: Question | None, answer: str | None, text: str | None, file: Any) -> Any:
    """The answer that was given, or typed at the prompt."""
    if text is not None:
        return text
    if answer is not None or file is not None:
        written = answer if answer is not None else file.read()
        try:
            return json.loads(written)
        except ValueError as error:
            raise Failure(
                f"the answer is no JSON ({error}): quote it for your shell, or give a text with --text"
            ) from error
    if not sys.stdin.isatty():
        raise Failure("no answer was given: write it as JSON, with --text, or with --file")
    return _typed(desk, item, asked)


def _typed(desk: Desk, item: InboxItem, asked: Question | None) -> Any:
    """What a person types: JSON, or else a text; asked again until it fits."""
    desk.out.say(f"{item.thread}, node {item.question.node}, asks:")
    desk.out.say(value_words_of(_value(asked)), "bold")
    schema = _schema(asked)
    if schema is not None:
        desk.out.say(f"as {json.dumps(schema, ensure_ascii=False)}", "dim")
    while True:
        written: str = click.prompt("Your answer (JSON or text)", prompt_suffix=": ", err=True)
        wants_text = isinstance(schema, Mapping) and schema.get("type") == "string"
        try:
            value = written if wants_text else json.loads(written)
        except ValueError:
            value = written
        try:
            if asked is not None:
                check_answer(asked, value)
        except InvalidAnswer as error:
            desk.out.say(str(error), "red")
            continue
        return value


class _Asked:
    """What questions ask, from their threads' logs, each read once."""

    def __init__(self, desk: Desk) -> None:
        self._saver = desk.saver
        self._known: dict[str, Mapping[str, Question] | str] = {}

    def of(self, item: InboxItem) -> Question | str | None:
        """The question as it was asked; why it cannot be read; None where it was answered meanwhile."""
        if item.thread not in self._known:
            try:
                self._known[item.thread] = open_questions(self._saver, item.thread)
            except ClewError as error:
                self._known[item.thread] = f"(cannot be read: {error})"
        known = self._known[item.thread]
        return known if isinstance(known, str) else known.get(item.id)


def _value(asked: Question | str | None) -> Any:
    if asked is None:
        return "(answered meanwhile)"
    return asked if isinstance(asked, str) else plain(asked.raised.value)


def _schema(asked: Question | str | None) -> Any:
    if asked is None or isinstance(asked, str) or asked.raised.schema is None:
        return None
    return plain(asked.raised.schema)


def _row(item: InboxItem, asked: Question | str | None) -> tuple[str, ...]:
    known = item.question
    late = ", late" if item.overdue(now()) else ""
    who = ", ".join(known.who) or "anybody"
    return (item.id[:8], item.thread, known.node, age(known.asked_at) + late, who, value_words_of(_value(asked)))


def _record(item: InboxItem, asked: Question | str | None) -> dict[str, Any]:
    known = item.question
    return {
        "id": item.id,
        "thread": item.thread,
        "graph": item.graph,
        "node": known.node,
        "scope": known.scope,
        "asked_at": moment(known.asked_at),
        "deadline": moment(known.deadline) or None,
        "who": known.who,
        "value": _value(asked),
        "schema": _schema(asked),
    }
