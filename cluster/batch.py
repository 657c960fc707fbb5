"""A batch of questions over Ray Data."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from cluster.connect import ClusterError
from core.errors import CiteWellError
from rag.answerer import Answerer

TOGETHER = 8
"""Questions that a worker takes at once: what is asked again when it is lost."""


class AnswerBatch:
    """A worker of a batch: opens everything once, and answers questions."""

    def __init__(self, open_one: Callable[[], Answerer]) -> None:
        self._answerer = open_one()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"number": batch["number"], "line": [self._line(str(question)) for question in batch["question"]]}

    def _line(self, question: str) -> str:
        from rag.receipt import receipt

        try:
            *_, answer = self._answerer.answer(self._answerer.search(question))
            return receipt(answer).to_json(indent=None).rstrip()
        except CiteWellError as error:  # one bad question does not take the others with it
            return json.dumps({"question": question, "error": str(error)}, ensure_ascii=False)


def answer_all(
    questions: list[str], open_one: Callable[[], Answerer], workers: int = 1, cpus: int = 1
) -> Iterator[str]:
    """A line of JSON for each question, in their order, from a batch on the cluster that is connected."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    DataContext.get_current().enable_progress_bars = False
    rows = [{"number": number, "question": question} for number, question in enumerate(questions)]
    blocks = max(workers, min(len(rows), len(rows) // TOGETHER))
    data = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
        AnswerBatch,
        fn_constructor_args=(open_one,),
        batch_size=TOGETHER,
        num_cpus=cpus,
        compute=ActorPoolStrategy(size=workers),
    )
    lines = {int(row["number"]): str(row["line"]) for row in data.iter_rows()}
    if missing := len(questions) - len(lines):
        raise ClusterError(f"{missing} of {len(questions)} questions have no answer; ask them again")
    return (lines[number] for number in range(len(questions)))
