"""The one command: `citewell VERB`, each verb a module of its own that is imported when it is called."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from core.command import called_as, meant
from core.errors import run_command

__version__ = "0.1.0"


@dataclass(frozen=True)
class Verb:
    """A verb of one word or two, the module whose `main(argv)` it runs, and what it does, in a few words."""

    name: str
    module: str
    does: str
    on_ray: str = ""
    """The module that runs it on a Ray cluster, where `--ray ADDRESS` is given."""

    def module_for(self, argv: Sequence[str]) -> str:
        """The module that runs the verb with these arguments."""
        on_ray = any(word == "--ray" or word.startswith("--ray=") for word in argv)
        return self.on_ray if self.on_ray and on_ray else self.module


VERBS = {
    "use": (
        Verb("build", "index.build", "index a CSV of questions and answers", "cluster.build"),
        Verb("ask", "rag.ask", "answer questions on the command line", "cluster.ask"),
        Verb("page", "ui.__main__", "open the page in a browser"),
        Verb("serve", "service.__main__", "answer other programs over HTTP", "cluster.serving"),
        Verb("serve key", "service.keys", "add, list or revoke the keys of callers"),
        Verb("doctor", "core.doctor", "show what this machine computes with, and what speed to expect"),
        Verb("receipt", "rag.receipt", "verify an answer that was kept, or write it as a page"),
        Verb("history", "rag.owners", "list, export or erase what is kept about somebody"),
        Verb("feedback", "rag.feedback", "list what people think of answers, or export it to train on"),
    ),
    "data": (
        Verb("fetch", "index.fetch", "download a public collection as a CSV"),
        Verb("prepare", "generator.models", "convert the weights for this machine, ahead of the first question"),
        Verb("rows", "dataset.__main__", "make rows to train and evaluate the generator on"),
        Verb("preferences", "dataset.preferences", "make pairs of a better and a worse answer to train on"),
        Verb("paraphrase", "dataset.rewrite", "let the generator ask the file's questions in other words"),
    ),
    "fine-tuning": (
        Verb("train", "generator.train", "train an adapter of the generator"),
        Verb("align", "dataset.align", "train an adapter further on such pairs: DPO, ORPO, PPO or RLOO"),
        Verb("runs", "generator.runs", "compare training runs"),
        Verb("average", "generator.average", "average adapters"),
        Verb("merge", "generator.merge", "merge an adapter into its base"),
        Verb("export", "generator.export", "write weights as one GGUF file"),
        Verb("tune", "index.tune", "train an adapter of the question encoder"),
        Verb("tune reader", "dataset.reader.tune", "train the reader, which says whether a passage answers"),
        Verb("tune verifier", "dataset.verifier.tune", "train the verifier, which says whether a passage supports"),
        Verb("tune reward", "generator.tune_reward", "train a model of rewards on such pairs"),
    ),
    "measuring": (
        Verb("evaluate search", "evaluation.search", "measure the search, and when it should abstain"),
        Verb("evaluate recall", "evaluation.recall", "compare compressed vectors with exact ones"),
        Verb("evaluate people", "evaluation.people", "measure all of it on questions that people really sent"),
        Verb("evaluate pool", "evaluation.pools", "pool passages for such questions, to be read and labelled"),
        Verb("evaluate answers", "evaluation.answers", "measure what models write, side by side"),
        Verb("evaluate preferences", "evaluation.preferences", "measure what training on pairs changed"),
        Verb("evaluate verdicts", "evaluation.verdicts", "measure the verdicts on true and false sentences"),
        Verb("evaluate audit", "evaluation.audit", "measure all of it, as a user would ask"),
        Verb("benchmark", "evaluation.benchmark", "run public benchmarks and multiple-choice questions of your own"),
    ),
}
"""Group -> its verbs."""
EXAMPLES = ("citewell build --csv my.csv", 'citewell ask "What are the signs of a stroke?"')
NAMES = {verb.name: verb for group in VERBS.values() for verb in group}


def main(argv: Sequence[str] | None = None) -> int | None:
    """Run the verb that the first words name; returns its exit status, or 2 where they name none."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"citewell {__version__}")
        return 0
    for count in (2, 1):
        if verb := NAMES.get(" ".join(words[:count])):
            with called_as(f"citewell {verb.name}"):
                status: int | None = import_module(verb.module_for(words[count:])).main(words[count:])
            return status
    within = [name for name in NAMES if name.startswith(f"{words[0]} ")]
    if within and words[1:2] in ([], ["-h"], ["--help"]):
        print(overview(within))
        return 0
    given = " ".join(words[: 2 if within else 1])
    known = within or NAMES
    print(f"error: unknown verb {given!r}{meant(given, known)}; verbs: {', '.join(known)}", file=sys.stderr)
    return 2


def overview(names: Sequence[str] = tuple(NAMES)) -> str:
    """The help of all verbs, or of those named: one a line, by group."""
    lines = ["usage: citewell VERB ...       citewell VERB --help", ""]
    width = max(map(len, NAMES))
    for group, verbs in VERBS.items():
        shown = [verb for verb in verbs if verb.name in names]
        if shown:
            lines += [f"{group}:", *(f"  {verb.name:<{width}}  {verb.does}" for verb in shown), ""]
    if len(names) == len(NAMES):
        lines += ["examples:", *(f"  {example}" for example in EXAMPLES), ""]
        lines += ["In the help of a verb, artifacts/ stands for the folder that `citewell doctor` shows;"]
        lines += ["CITEWELL_HOME=DIR names another one."]
    return "\n".join(lines).rstrip()


def run() -> None:
    """Run the command line; the installed command `citewell` calls it."""
    run_command(main)


if __name__ == "__main__":
    run()
