"""Build an index of shards on a Ray cluster.

citewell build --ray auto --shards 8 --csv 'data/*.parquet'
citewell build --ray 10.0.0.1:6379 --shards 32 --csv /shared/rows --index /shared/index

Files, folders and patterns are read on all nodes, which must see them and the index folder under the same path. A
build that was killed, or that lost nodes, is continued by the same command; the same input gives the same content hash,
whatever the number of nodes.
"""

from functools import partial

from cluster.connect import connected, require_ray
from core.command import command_parser
from core.errors import run_command
from core.settings import IndexSettings, load
from index.embedders import load_embedder
from index.sharded.build import build_shards


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("cluster.build", __doc__)
    parser.add_argument("--ray", metavar="ADDRESS", required=True, help="auto, or the address of the cluster's head")
    parser.add_argument("--shards", type=int, metavar="N", required=True, help="how many shards to make")
    parser.add_argument("--csv", metavar="F", nargs="+", help="files, folders and patterns (default: the setting's)")
    parser.add_argument("--index", metavar="DIR", help="the index folder, on a file system that all nodes share")
    parser.add_argument("--question-column", metavar="C", help="name of the column of questions (default: found)")
    parser.add_argument("--answer-column", metavar="C", help="name of the column of answers (default: found)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="most workers (default: what fits)")
    parser.add_argument("--force", action="store_true", help="build everything again")
    arguments = parser.parse_args(argv)
    require_ray()
    settings = load(
        {
            "index.dir": arguments.index,
            "index.question_column": arguments.question_column,
            "index.answer_column": arguments.answer_column,
        }
    ).index
    files = arguments.csv or [settings.csv]
    with connected(arguments.ray):
        print(build_on_ray(settings, files, arguments.shards, arguments.workers, arguments.force))
    return 0


def build_on_ray(settings: IndexSettings, files: list[str], shards: int, workers: int = 0, force: bool = False) -> str:
    """Build on the cluster that is connected; returns the content's hash. Raises as `build_shards` does."""
    from cluster.workers import Workers

    embedder = load_embedder(settings)  # here first: the nodes of one machine share what it keeps
    return build_shards(settings, files, shards, embedder, Workers(partial(load_embedder, settings), workers), force)


if __name__ == "__main__":
    run_command(main)
