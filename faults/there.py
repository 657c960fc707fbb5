"""Build, ask, keep and embed with the stand-ins, somewhere unusual: prints what was said, as JSON.

python -m faults.there FOLDER CSV BERT
"""

import json
import sys
from pathlib import Path

from core.errors import run_command
from core.settings import IndexSettings
from faults import operations, reading
from faults.stand_ins import settings_of


def main() -> int:
    """Run the command line; returns the exit status."""
    folder, csv, bert = map(Path, sys.argv[1:])
    settings = settings_of(folder / "index", csv)
    vectors = reading.vectors(IndexSettings(embedder=str(bert), cache=str(folder / "cache")))
    operations.build_words(settings.index, True)
    operations.keep_turns(folder / "history.sqlite", 2)
    operations.judge(folder / "history.sqlite", 2)
    said = reading.answers_alone(settings)
    print(json.dumps([vectors, said, reading.first_kept(folder / "history.sqlite", 2)], ensure_ascii=True))
    return 0


if __name__ == "__main__":
    run_command(main)
