"""Kill a build (kill -9) at random moments, and see that the index answers after each, and that nothing is lost.

python -m bench.killing --csv artifacts/medquad.csv --kills 20
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from core.command import command_parser
from core.errors import CiteWellError, IndexFolderError, run_command
from core.settings import load
from index.checkpoint import Checkpoint
from index.embedders import load_embedder
from index.opening import open_index
from rag.opening import open_retriever

SECONDS = (1.0, 16.0)
"""After so many a build is killed: before, while and after its words are published."""
QUESTION = "how is gout treated"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.killing", __doc__)
    parser.add_argument("--csv", metavar="F", help="the CSV (default: data/health_qa.csv)")
    parser.add_argument("--kills", type=int, metavar="N", default=20, help="how often (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    arguments = parser.parse_args(argv)
    moments = random.Random(arguments.seed)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory() as scratch:
        settings = load({"index.csv": arguments.csv, "index.dir": f"{scratch}/index"})
        folder = Path(settings.index.dir)
        embedder = load_embedder(settings.index)
        command = [sys.executable, "-m", "index.build", "--csv", settings.index.csv, "--index", str(folder)]
        answered = killed = 0
        kept: list[int] = []
        published = False
        while killed < arguments.kills:
            build = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(moments.uniform(*SECONDS))
            if build.poll() is not None:
                break
            build.kill()
            build.wait()
            killed += 1
            try:
                answered += bool(open_retriever(settings).search(QUESTION).hits)
                published = True
            except IndexFolderError as error:
                if published:
                    raise CiteWellError(f"after kill {killed} the index does not open: {error}") from error
            if Checkpoint.exists(folder):
                with Checkpoint(folder, embedder.identity, embedder.dimension) as checkpoint:
                    kept.append(len(checkpoint))
            print(f"kill {killed}: answers {published}, {kept[-1] if kept else 0:,} vectors kept", file=sys.stderr)
        if kept != sorted(kept):
            raise CiteWellError(f"vectors that were kept got lost: {kept}")
        last = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        counts = {
            name: int(line.split()[-1].replace(",", ""))
            for line in last.splitlines()
            for name in ("texts embedded", "texts kept from before")
            if name in line
        }
        index = open_index(folder)
    print(json.dumps({"kills": killed, "answered": answered, "kept": kept, **counts, "vectors": len(index.headed)}))
    return 0


if __name__ == "__main__":
    run_command(main)
