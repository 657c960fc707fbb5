"""An answer with its citation chips and its passages, as one Streamlit component.

Text of the file and of the model reaches the page as JSON and is put there by `textContent` alone (see answer.js).
"""

from pathlib import Path
from typing import Any

import streamlit as st

from rag.answer import Answer, Evidence

_HERE = Path(__file__).parent
_render = st.components.v2.component(
    "citewell_answer",
    html='<article class="answer"></article>',
    css=(_HERE / "answer.css").read_text(encoding="utf-8"),
    js=(_HERE / "answer.js").read_text(encoding="utf-8"),
)


def show_answer(answer: Answer, key: str) -> None:
    """Show a finished answer, or one that was stopped."""
    _render(key=key, data=view(answer))


def view(answer: Answer) -> dict[str, Any]:
    """What answer.js draws."""
    cited = {item.n for item in answer.cited}
    return {
        "pieces": _pieces(answer),
        "abstained": answer.abstained,
        "notes": list(answer.notes),
        "closest": list(answer.closest),
        "stopped": not answer.finished,
        "cited": [_source(item, answer) for item in answer.evidence if item.n in cited],
        "others": [_source(item, answer) for item in answer.evidence if item.n not in cited],
        "dropped": [
            {"question": item.question, "reason": item.reason, "score": f"{item.score:.2f}"} for item in answer.dropped
        ],
        "prompt": answer.prompt,
        "facts": _facts(answer),
    }


def _pieces(answer: Answer) -> list[dict[str, Any]]:
    """The answer's text in order: what stands between sentences, and the sentences with their citations."""
    pieces: list[dict[str, Any]] = []
    end = 0
    for sentence in answer.sentences:
        pieces.append({"text": answer.text[end : sentence.start]})
        pieces.append(
            {
                "text": sentence.text,
                "verdict": sentence.verdict,
                "citations": [{"n": item.n, "start": item.start, "end": item.end} for item in sentence.citations],
            }
        )
        # The chips take the place of the markers, which stand directly behind the sentence.
        markers = "".join(f"[{item.n}]" for item in sentence.citations)
        end = sentence.end + (len(markers) + 1 if markers else 0)
    pieces.append({"text": answer.text[end:]})
    return [piece for piece in pieces if piece["text"]]


def _source(item: Evidence, answer: Answer) -> dict[str, Any]:
    spans = sorted(
        {
            (citation.start, citation.end)
            for sentence in answer.sentences
            for citation in sentence.citations
            if citation.n == item.n
        }
    )
    return {
        "n": item.n,
        "question": item.question,
        "text": item.text,
        "source": item.source,
        "url": item.url if item.url.startswith(("https://", "http://")) else "",
        "score": f"{item.score:.2f}",
        "spans": spans,
    }


def _facts(answer: Answer) -> list[list[str]]:
    timings = answer.timings
    return [
        ["Searched for", answer.search_query],
        ["Model", f"{answer.model.get('model', '')} ({answer.model.get('engine', '')})"],
        ["Index", f"{answer.index.get('csv', '')}, build {answer.index.get('build', '')}"],
        ["Search", f"{timings.search_s * 1000:.0f} ms"],
        ["First words", f"{timings.first_token_s:.1f} s"],
        ["Whole answer", f"{timings.total_s:.1f} s, {timings.answer_tokens} tokens"],
    ]
