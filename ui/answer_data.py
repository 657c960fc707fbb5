"""The data of an answer that answer.js draws."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from index.corpus import Record
from rag.answer import Answer, Dropped, Evidence
from rag.finishing import BEFORE
from rag.suggestions import in_plain_words

COLUMNS, CELL = 12, 300
"""Most further columns of a row that a card shows, and most letters of each."""
APART = ("sha256", "processor")
"""The keys that have a line of their own among the facts of a model."""
LINK = 60
"""Most letters of an address that a card shows."""
LACKING = ("partly", "missing")
"""Kinds of notes that name what of the question is not answered."""
STAGES = {"headed": "passages", "question": "questions", "lexical": "words", "reader": "reader"}
"""Stages of the search, and what they compare with the question."""


def view(
    answer: Answer,
    records: Mapping[str, Record],
    *,
    growing: bool = False,
    loading: bool = False,
    further: Sequence[str] = (),
) -> dict[str, Any]:
    """The data that answer.js draws; of a growing answer, only the part that is known."""
    cited = {item.n for item in answer.cited}
    growing = growing and not answer.finished
    told = answer.outcome != "reply"
    return {
        "growing": growing,
        "kind": _kind(answer),
        "pieces": _pieces(answer),
        "notice": vars(answer.notice) if answer.notice else None,
        "notes": [vars(note) for note in answer.notes if note.kind in BEFORE],
        "lacks": [vars(note) for note in answer.notes if note.kind in LACKING],
        "remarks": [vars(note) for note in answer.notes if note.kind not in (*BEFORE, *LACKING)],
        # Where no passage is near enough to be shown, no question is near enough to be offered.
        "closest": [in_plain_words(question) for question in answer.closest] if answer.evidence else [],
        "further": list(further),
        "status": _status(answer, loading=loading) if growing else "",
        "stopped": not answer.finished and not growing,
        "title": _title(answer),
        "sources": [_source(item, answer, records) for item in answer.evidence],
        "asked": answer.question if told else "",
        "copy": as_text(answer) if told else "",
        "made": None
        if growing or not told or not answer.index
        else {"funnel": _funnel(answer, cited), "prompt": answer.prompt, "facts": _facts(answer)},
    }


def as_text(answer: Answer) -> str:
    """An answer as plain text with its sources: "[n] title, address"."""
    shown = answer.cited or answer.evidence
    sources = [
        ", ".join(part for part in (f"[{each.n}] {each.question}", each.source, each.url) if part) for each in shown
    ]
    return "\n\n".join(part for part in (answer.text, "\n".join(sources)) if part)


def _kind(answer: Answer) -> str:
    """The form of an answer, which is to be seen at first sight: whole, partial, quoted, or none."""
    if answer.abstained:
        return "none"
    if answer.outcome == "quoted":
        return "quoted"
    return "partial" if any(note.kind in LACKING for note in answer.notes) else "answer"


def _title(answer: Answer) -> str:
    """The heading above the evidence."""
    if not answer.evidence:
        return ""
    return "Closest passages of the file" if answer.abstained else "Evidence"


def _status(answer: Answer, *, loading: bool = False) -> str:
    """The step that is being done."""
    others = "one question is" if answer.ahead == 1 else f"{answer.ahead} questions are"
    waits = f"{others} being answered before yours …" if answer.ahead else ""
    if not answer.index:
        return waits[:1].upper() + waits[1:] or "Searching the file …"
    if not answer.evidence:
        return ""
    found = "1 passage found" if len(answer.evidence) == 1 else f"{len(answer.evidence)} passages found"
    reads = f"the model is reading {'it' if len(answer.evidence) == 1 else 'them'} …"
    if answer.text:
        return f"{found}; writing …"
    if loading:
        return f"{found}; the model is still being loaded …"
    return f"{found}; {waits or reads}"


def _pieces(answer: Answer) -> list[dict[str, Any]]:
    """The answer's text in order: the sentences with their citations, and the text between them."""
    pieces: list[dict[str, Any]] = []
    end = 0
    for sentence in answer.sentences:
        pieces.append({"text": answer.text[end : sentence.start]})
        pieces.append(
            {
                "text": sentence.text,
                "verdict": sentence.verdict,
                "citations": [
                    {"n": item.n, "start": item.start, "end": item.end, "quote": _preview(item.quote)}
                    for item in sentence.citations
                ],
            }
        )
        # The chips take the place of the markers, which stand directly behind the sentence.
        markers = "".join(f"[{item.n}]" for item in sentence.citations)
        end = sentence.end + (len(markers) + 1 if markers else 0)
    pieces.append({"text": answer.text[end:]})
    return [piece for piece in pieces if piece["text"]]


def _preview(quote: str) -> str:
    return quote if len(quote) <= CELL else f"{quote[:CELL]}…"


def _source(item: Evidence, answer: Answer, records: Mapping[str, Record]) -> dict[str, Any]:
    record = records.get(item.record_id)
    end = item.start + len(item.text)
    stands = record is not None and record.answer[item.start : end] == item.text
    spans = answer.spans(item.n)
    return {
        "n": item.n,
        "question": item.question,
        "text": item.text,
        "source": item.source,
        "url": item.link,
        "link": _readable(item.link),
        "host": _host(item.link),
        "columns": [[name, value[:CELL]] for name, value in item.hit.columns.items()][:COLUMNS],
        "score": f"{item.score:.2f}",
        "spans": spans,
        "lead": _lead(item, answer),
        "tag": "read, but not cited" if answer.cited and answer.finished and not spans else "",
        "place": f"record {item.record_id}, characters {item.start:,} to {end:,}",
        # The rest of the record's answer; none where the index holds the record no longer.
        "before": record.answer[: item.start] if record and stands else "",
        "after": record.answer[end:] if record and stands else "",
        "gone": not stands,
    }


def _host(url: str) -> str:
    """The site of an address; empty if it is none."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:  # such as http://[, which stands in somebody's file
        return ""


def _readable(url: str) -> str:
    """An address as people read it: without its scheme, and not longer than a line."""
    short = url.partition("://")[2].removeprefix("www.").rstrip("/")
    return short if len(short) <= LINK else f"{short[: LINK - 1]}…"


def _lead(item: Evidence, answer: Answer) -> dict[str, Any] | None:
    """The sentence to read first, and where it stands in what the model is shown; no place if that was trimmed off."""
    lead = next((each for each in answer.leads if each.passage_id == item.passage_id), None)
    if lead is None:
        return None
    start = lead.start - item.start
    span = [start, start + len(lead.text)]
    within = start >= 0 and item.text[slice(*span)] == lead.text
    return {"text": lead.text, "span": span if within else None}


def _funnel(answer: Answer, cited: set[int]) -> dict[str, Any]:
    """Everything that was retrieved, best first, with its rank in each stage and whether it was used, or why not."""
    found: list[Evidence | Dropped] = sorted([*answer.evidence, *answer.dropped], key=lambda item: -item.hit.score)
    stages = [stage for stage in STAGES if any(stage in item.hit.ranks for item in found)]
    uncited = "presented, not cited" if answer.prompt else "among the nearest"
    rows = []
    for item in found:
        shown = isinstance(item, Evidence)
        became = item.reason if isinstance(item, Dropped) else "cited" if item.n in cited else uncited
        rows.append(
            {
                "n": item.n if isinstance(item, Evidence) else 0,
                "shown": shown,
                "question": item.hit.question,
                "score": f"{item.hit.score:.2f}",
                "ranks": [item.hit.ranks.get(stage, 0) for stage in stages],
                "became": became,
            }
        )
    return {
        "stages": [STAGES[stage] for stage in stages],
        "rows": rows,
        "counts": [
            ["retrieved", len(found)],
            ["presented to the model", len(answer.evidence) if answer.prompt else 0],
            ["cited", len(cited)],
        ],
    }


def _facts(answer: Answer) -> list[list[str]]:
    timings = answer.timings
    index = answer.index
    return [
        ["Asked", answer.question],
        ["Searched for", answer.search_query],
        ["In the file", f"with probability {answer.answerable:.0%}"],
        ["Model", ", ".join(value for name, value in answer.model.items() if value and name not in APART)],
        ["Processor", answer.model.get("processor", "")],
        ["Weights", answer.model.get("sha256", "")],
        ["Index", f"{index.get('csv', '')}, build {index.get('build', '')}, embedder {index.get('embedder', '')}"],
        ["Reader", index.get("reader", "")],
        ["Search", f"{timings.search_s * 1000:.0f} ms"],
        ["First words", f"{timings.first_token_s:.1f} s"],
        ["Whole answer", f"{timings.total_s:.1f} s"],
        ["Tokens", f"{timings.prompt_tokens} read, {timings.answer_tokens} written"],
    ]
