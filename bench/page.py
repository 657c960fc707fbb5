"""Ask the page's own script 50 questions of the file, and watch the memory of its process.

python -m bench.page
"""

import argparse
import json
from pathlib import Path

from bench.process import memory_mib
from core.errors import CiteWellError, run_command
from core.settings import load
from index.store import open_index

QUESTIONS = 50
APP = Path(__file__).parent.parent / "ui" / "app.py"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.page", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(argv)
    from streamlit.testing.v1 import AppTest

    records = list(open_index(Path(load().index.dir)).records.values())
    questions = [record.question for record in records[:: max(1, len(records) // QUESTIONS)]][:QUESTIONS]
    del records
    page = AppTest.from_file(str(APP), default_timeout=600).run()
    memory = []
    for question in questions:
        page.chat_input[0].set_value(question).run()
        if page.exception or page.error:
            raise CiteWellError(f"the page failed on {question!r}")
        memory.append(memory_mib())
    print(
        json.dumps(
            {
                "questions": len(questions),
                "after_20_mib": memory[min(19, len(memory) - 1)],
                "after_50_mib": memory[-1],
                "growth": round(memory[-1] / memory[min(19, len(memory) - 1)] - 1, 4),
            }
        )
    )
    return 0


if __name__ == "__main__":
    run_command(main)
