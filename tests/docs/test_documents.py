"""What holds for every document: links lead somewhere, and no block escapes the runner by its label."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)

FENCE = re.compile(r"^[ >]*(`{3,}|~{3,})(?P<label>[^\n`]*)\n.*?^[ >]*\1[ ]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
# `python` runs; the others show output, shell lines, data or pictures.
LABELS = {"python", "text", "console", "bash", "json", "toml", "sql", "mermaid", "diff"}


def prose(document: Path) -> str:
    """The document's text without its fenced blocks and inline code."""
    return re.sub(r"`[^`\n]+`", "", FENCE.sub("", document.read_text(encoding="utf-8")))


def anchors(document: Path) -> set[str]:
    """The fragments GitHub gives the document's headings."""
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_links_lead_to_files_and_headings_that_exist(document):
    broken = []
    for match in LINK.finditer(prose(document)):
        target, _, fragment = match["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (document.parent / target).resolve() if target else document
        if not file.exists() or (fragment and file.suffix == ".md" and fragment not in anchors(file)):
            broken.append(match["target"])
    assert broken == []


def test_every_document_is_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document in reached or document.suffix != ".md" or not document.exists():
            continue
        reached.add(document)
        targets = (match["target"].partition("#")[0] for match in LINK.finditer(prose(document)))
        waiting.extend((document.parent / target).resolve() for target in targets if target)
    assert [str(document.relative_to(ROOT)) for document in DOCUMENTS if document not in reached] == []


def test_the_index_lists_every_page():
    index = ROOT / "docs/index.md"
    listed = {(index.parent / match["target"]).resolve() for match in LINK.finditer(prose(index))}
    pages = {document for document in DOCUMENTS if document.is_relative_to(index.parent)} - {index}
    assert [str(page.relative_to(ROOT)) for page in sorted(pages - listed)] == []


@every_document
def test_every_block_has_a_label_the_runner_knows(document):
    labels = [match["label"] for match in FENCE.finditer(document.read_text(encoding="utf-8"))]
    assert [label for label in labels if label not in LABELS] == []


@every_document
def test_a_document_says_what_it_is_in_one_heading(document):
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    assert len(re.findall(r"^# \S", text, re.MULTILINE)) == 1
