"""Every regular expression of the product, found mechanically, and texts that are as bad for it as texts can be.

python -m faults.patterns      # prints each pattern as one JSON object a line
"""

import ast
import importlib
import inspect
import json
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGES = ("core", "index", "generator", "rag", "dataset", "evaluation", "ui", "cluster", "service")
CALLS = ("compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
ANCHORED = ("match", "fullmatch")
CHARS = 20_000
"""Characters of a text that a pattern is tried with."""
SHORT_CHARS, SHORT_S = 4_000, 0.004
"""Characters of a text that shows whether the long one is worth trying, and seconds beyond which it is: what grows with
the square takes 25 times as long."""
BAR_S = 0.2
"""Seconds that no pattern may take."""
GIVE_UP_S = 1.0
"""Seconds after which a match is given up."""
UNITS = (
    *(
        " ",
        "\t",
        "\n",
        " \n",
        "\u00a0",
        "a",
        "a ",
        "aB",
        "1",
        "1 ",
        "1,",
        "1.",
        ".",
        ". ",
        "-",
        "- ",
        "* ",
        "#",
        "<",
        ">",
    ),
    *("<!--", "<a", "<a ", "</", "&amp;", "&", "[", "]", "[1", "[1]", "(", ")", "()", "{", '"', "'", ";", ":", "://"),
    *("http://a", "www.", "a@", "@", "|", ",", "/", "\\", "…", "é", "漢", "\u200b", "A. ", "a, ", "a and ", "?", "! "),
)
"""Texts that are nasty when they are repeated, whatever the pattern."""
ENDS = ("", "!", "\n!")
"""What may keep a text from matching after all."""
MOST_PIECES = 200
"""Texts that are made of one pattern's own parts; of its alternatives the first ones."""


@dataclass(frozen=True)
class Found:
    """A pattern, and the line of the product that it was first met in."""

    place: str
    pattern: str
    flags: int
    anchored: bool = False
    """Whether it is only used to match a text from its beginning."""


def patterns() -> tuple[list[Found], list[str]]:
    """Take the patterns that are constants from the source. The modules with others, and those that read rules, are
    imported, and their cached functions without parameters are called; what becomes a pattern then is noted.

    Returns:
        The patterns, and the places whose pattern is made when they run, and which did not run.
    """
    seen: dict[tuple[str, int], str] = {}
    ran: set[str] = set()
    compile_ = re._compile  # type: ignore[attr-defined]

    def noted(pattern: Any, flags: Any) -> Any:
        made = compile_(pattern, flags)
        if isinstance(made.pattern, str) and (places := list(_places(sys._getframe(1)))):
            ran.update(places)
            seen.setdefault((made.pattern, made.flags), places[0])
        return made

    re._compile = noted  # type: ignore[attr-defined]
    try:
        for name in _to_import():
            module = importlib.import_module(name)
            for value in list(vars(module).values()):
                cached = hasattr(value, "cache_info") and getattr(value, "__module__", "") == name
                if cached and not inspect.signature(value).parameters:
                    value()
    finally:
        re._compile = compile_  # type: ignore[attr-defined]
    missed = []
    anchored = set()
    for place, pattern, flags, is_anchored in _in_source():
        if is_anchored:
            anchored.add(place)
        if pattern is not None:
            seen.setdefault((pattern, re.compile(pattern, flags).flags), place)
        elif place not in ran:
            missed.append(place)
    made = [Found(place, pattern, flags, place in anchored) for (pattern, flags), place in seen.items()]
    wholes = "\n".join(each.pattern for each in made if _of_rules(each))
    # A file of rules is checked rule by rule, and used as a whole: what is part of a whole is tried with it.
    return [each for each in made if not _of_rules(each) or wholes.count(_inside(each.pattern)) == 1], missed


def _of_rules(found: Found) -> bool:
    return found.place.startswith("core/text/rules.py")


def _inside(pattern: str) -> str:
    """A rule without the frame that `core.text.rules` sets it into."""
    return pattern.removeprefix(r"\b(?:").removesuffix(r"\b").removesuffix(")")


def _files() -> list[Path]:
    return [file for each in PACKAGES for file in sorted((ROOT / each).rglob("*.py"))] + [ROOT / "citewell.py"]


def _to_import() -> list[str]:
    """The modules whose patterns cannot be read from their source alone."""
    made = {place.partition(":")[0] for place, pattern, *_ in _in_source() if pattern is None}
    names = []
    for file in _files():
        relative = file.relative_to(ROOT)
        if str(relative) in made or "core.text.rules" in file.read_text(encoding="utf-8"):
            names.append(".".join(relative.with_suffix("").parts).removesuffix(".__init__"))
    return names


def _places(frame: Any) -> Iterator[str]:
    """The lines of the product that made a pattern, the innermost first; none where a library made it for itself."""
    while frame is not None and Path(frame.f_code.co_filename).parent == Path(re.__file__).parent:
        frame = frame.f_back
    while frame is not None and (place := _place(frame)):
        yield place
        frame = frame.f_back


def _place(frame: Any) -> str:
    file = Path(frame.f_code.co_filename)
    ours = file.is_relative_to(ROOT) and file.relative_to(ROOT).parts[0] in (*PACKAGES, "citewell.py")
    return f"{file.relative_to(ROOT)}:{frame.f_lineno}" if ours else ""


def _in_source() -> Iterator[tuple[str, str | None, int, bool]]:
    """Place, pattern and flags of each call of `re`, and whether it is only used to match from a text's beginning; no
    pattern where it is no constant.
    """
    for file in _files():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        anchored = _anchored_names(tree)
        names = {id(node.value): _names(node) for node in ast.walk(tree) if isinstance(node, ast.Assign)}
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=called), args=[first, *_]) if (
                    called in CALLS
                ):
                    given = [*node.args[1:], *(word.value for word in node.keywords)]
                    flags = re.NOFLAG
                    for each in (each for argument in given for each in ast.walk(argument)):
                        found = getattr(re, each.attr, None) if isinstance(each, ast.Attribute) else None
                        flags |= found if isinstance(found, re.RegexFlag) else re.NOFLAG
                    text = _decoded(first)
                    from_beginning = called in ANCHORED or bool(names.get(id(node), set()) & anchored)
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", text, int(flags), from_beginning


def _anchored_names(tree: ast.Module) -> set[str]:
    """The private names of a module that are read nowhere but as `_NAME.match(…)` or `_NAME.fullmatch(…)`."""
    read: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id.startswith("_"):
            read[node.id] = read.get(node.id, 0) + 1
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in ANCHORED:
            read[node.value.id] = read.get(node.value.id, 0) - 1
    return {name for name, times in read.items() if times == 0}


def _names(node: ast.Assign) -> set[str]:
    return {target.id for target in node.targets if isinstance(target, ast.Name)}


def _decoded(pattern: ast.expr) -> str | None:
    """A constant pattern, one of bytes as one of characters, which works in the same way; None of another."""
    if not isinstance(pattern, ast.Constant) or not isinstance(pattern.value, str | bytes):
        return None
    return pattern.value if isinstance(pattern.value, str) else pattern.value.decode("latin-1")


def slowest(found: Found) -> tuple[float, str]:
    """The processor seconds that a pattern takes at most with one of its texts, and the beginning of that text.

    Every match in the text is looked for; of a pattern that is only used from a text's beginning, a match there and one
    of the whole text. Texts that take no time when they are short are not tried long.
    """
    pattern = re.compile(found.pattern, found.flags)
    most, worst = 0.0, ""
    for short, long in zip(texts(found, SHORT_CHARS), texts(found, CHARS), strict=True):
        if seconds(pattern, short, found.anchored) <= SHORT_S:
            continue
        if (took := seconds(pattern, long, found.anchored)) > most:
            most, worst = took, long[:40]
        if most > BAR_S:
            break
    return most, worst


def seconds(pattern: re.Pattern[str], text: str, anchored: bool) -> float:
    """The processor seconds of all matches in a text, or from its beginning; `GIVE_UP_S` where they take longer."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, GIVE_UP_S)
    began = time.process_time()
    try:
        if anchored:
            pattern.match(text)
            pattern.fullmatch(text)
        else:
            for _ in pattern.finditer(text):
                pass
    except TimeoutError:
        return GIVE_UP_S
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return time.process_time() - began


def texts(found: Found, chars: int) -> Iterator[str]:
    """Texts of so many characters: the nasty units, and those made of the pattern's own parts, repeated."""
    tree = parser.parse(found.pattern, found.flags)
    own = list(islice(dict.fromkeys(_attacks(list(tree), "")), MOST_PIECES))
    for start, unit in [*(("", unit) for unit in UNITS), *own]:
        if unit:
            body = start + unit * ((chars - len(start)) // len(unit) + 1)
            yield from (body[: chars - len(end)] + end for end in ENDS)


def _attacks(tree: Sequence[Any], before: str) -> Iterator[tuple[str, str]]:
    """Pairs of a beginning and what is repeated after it: the whole, each beginning of it, and each repetition's body
    after what comes before that.
    """
    whole = before
    yield "", _sample(tree)
    for code, argument in tree:
        for inner in _inner(code, argument):
            if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
                for unit in _samples(inner):
                    yield whole, unit
                    yield "", whole + unit
            yield from _attacks(inner, whole)
        whole += _sample([(code, argument)])
        yield "", whole


def _inner(code: Any, argument: Any) -> list[list[Any]]:
    match code:
        case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
            return [list(argument[2])]
        case codes.SUBPATTERN:
            return [list(argument[3])]
        case codes.ATOMIC_GROUP:
            return [list(argument)]
        case codes.BRANCH:
            return [list(branch) for branch in argument[1]]
        case codes.ASSERT | codes.ASSERT_NOT:
            return [list(argument[1])]
    return []


def _samples(tree: Sequence[Any]) -> list[str]:
    """Texts that the tree matches: one, and for a single class of characters several."""
    if len(tree) == 1 and tree[0][0] in (codes.IN, codes.ANY, codes.NOT_LITERAL):
        return _members(tree[0])
    if len(tree) == 1 and tree[0][0] == codes.BRANCH:
        return [_sample(branch) for branch in tree[0][1][1]][:8]
    return [_sample(tree)]


def _members(node: Any) -> list[str]:
    """Up to six characters that a class matches, of different kinds."""
    accepts = _class(node)
    return [char for char in " \n\ta1-.<[(\u00a0éA_,;:!'" if accepts(char)][:6] or [_sample([node])]


def _class(node: Any) -> Callable[[str], bool]:
    code, argument = node
    if code == codes.ANY:
        return lambda char: char != "\n"
    if code == codes.NOT_LITERAL:
        return lambda char: ord(char) != argument
    negated = argument[0][0] == codes.NEGATE

    def within(char: str) -> bool:
        for kind, value in argument:
            if (
                (kind == codes.LITERAL and ord(char) == value)
                or (kind == codes.RANGE and value[0] <= ord(char) <= value[1])
                or (kind == codes.CATEGORY and _in_category(char, value))
            ):
                return True
        return False

    return lambda char: within(char) != negated


def _in_category(char: str, category: Any) -> bool:
    name = str(category)
    if "DIGIT" in name:
        held = char.isdigit()
    elif "SPACE" in name:
        held = char.isspace()
    else:
        held = char.isalnum() or char == "_"
    return held != ("NOT" in name)


def _sample(tree: Sequence[Any]) -> str:
    """A text that the tree matches, or nearly so: what looks ahead or back is passed over."""
    text = ""
    for code, argument in tree:
        match code:
            case codes.LITERAL:
                text += chr(argument)
            case codes.NOT_LITERAL | codes.ANY | codes.IN:
                accepts = _class((code, argument))
                first = [chr(value) for kind, value in argument if kind == codes.LITERAL] if code == codes.IN else []
                first += [chr(value[0]) for kind, value in argument if kind == codes.RANGE] if code == codes.IN else []
                text += next((char for char in "a1 " + "".join(first) + "-.<\n" if accepts(char)), "")
            case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
                least, _, body = argument
                text += _sample(body) * max(least, 1)
            case codes.SUBPATTERN:
                text += _sample(argument[3])
            case codes.ATOMIC_GROUP:
                text += _sample(argument)
            case codes.BRANCH:
                text += _sample(argument[1][0])
    return text


if __name__ == "__main__":
    made, missed = patterns()
    for each in made:
        print(json.dumps(asdict(each), ensure_ascii=False))
    print(f"{len(made)} patterns; made when they run, and not met: {', '.join(missed)}", file=sys.stderr)
