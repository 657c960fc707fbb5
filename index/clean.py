"""Cleaning of one field: Unicode, entities, tags, control characters, white space; lists and tables become lines."""

import html
import re
import unicodedata

from index.layout import as_lines

ROUNDS = 10
"""Most times that a text is cleaned again because cleaning brought a tag or an entity to light; deeper ones lose their
signs, for each round reads the whole text."""

_BLOCK = "address|article|blockquote|br|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|section|table|tbody|td|th|thead|tr|ul"
_INLINE = (
    "a|abbr|b|big|body|center|cite|code|em|font|head|html|i|img|ins|del|link|mark|meta|q|s|script|small|span|strong|"
    "style|sub|sup|title|tt|u|wbr"
)
# Only HTML's own names count as tags: "p < 0.05", "<5 mg" and "<jane@example.org>" are text.
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK})(?:\s[^<>]*)?/?>", re.I)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE})(?:\s[^<>]*)?/?>", re.I)
_HIDDEN = re.compile(r"<!--|<(script|style)\b[^<>]*>", re.I)
_ENDS = {"": re.compile("-->")} | {name: re.compile(rf"</{name}\s*>", re.I) for name in ("script", "style")}
_AMPERSANDS = re.compile(r"&(?:amp;)+", re.I)
_SPACES = re.compile(r"[^\S\n]+")
_BULLETS = "-*•–"
_BLANK_LINES = re.compile(r"\n{3,}")
_JOINERS = "\u200c\u200d"
# Scripts whose letters change with a joiner: Arabic, those of India and its neighbours, Mongolian; and emoji.
_JOINED = re.compile(r"[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ufe0f\U0001f000-\U0001faff]")


def clean_text(text: str) -> str:
    """Clean a field so that cleaning it again changes nothing, in time that grows with its length.

    Unicode NFC; HTML entities decoded (doubly escaped ones too) and HTML tags removed, block tags leaving a line
    break; control and invisible format characters removed, but for joiners where a script needs them; runs of white
    space inside a line made one space. Lists, tables and raised letters: `index.layout`. Paragraph and list breaks are
    kept: a bullet after two or more spaces, as flattened lists have it, starts a line of its own.
    """
    for _ in range(ROUNDS):
        cleaner = _clean_once(text)
        if cleaner == text:
            return text
        text = cleaner
    return _clean_once(re.sub(r"[<>]|&(?=[#\w]+;)", "", text))


def _clean_once(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    if "<" in text:
        text = _without_hidden(text)
    if "<" in text or "|" in text:
        text = as_lines(text)
    if "<" in text:
        text = _INLINE_TAG.sub("", _BLOCK_TAG.sub("\n", text))
    if "&" in text:
        text = html.unescape(_AMPERSANDS.sub("&amp;", text))
    text = unicodedata.normalize("NFC", text)
    hidden = {char for char in set(text) - {"\n", "\t"} if unicodedata.category(char) in ("Cc", "Cf", "Cs")}
    if hidden:
        text = _without_invisible(text, hidden)
    text = _SPACES.sub(_space, text)
    text = "\n".join(line.strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip()


def _without_hidden(text: str) -> str:
    """The text without comments, scripts and styles; one that is never closed is left to the other rules."""
    kept, at = [], 0
    while begin := _HIDDEN.search(text, at):
        end = _ENDS[(begin[1] or "").lower()].search(text, begin.end())
        if end is None:
            break
        kept.append(text[at : begin.start()])
        at = end.end()
    return "".join((*kept, text[at:]))


def _without_invisible(text: str, hidden: set[str]) -> str:
    if hidden & set(_JOINERS):
        places = [n for n, char in enumerate(text) if char in _JOINERS]
        needed = {n for n in places if _JOINED.match(text, n - 1) and n and _JOINED.match(text, n + 1)}
        text = "".join(char for n, char in enumerate(text) if char not in _JOINERS or n in needed)
    return text.translate({ord(char): None for char in hidden - set(_JOINERS)})


def _space(run: re.Match[str]) -> str:
    """One space; a line break before a bullet that two spaces or more stand before."""
    after = run.string[run.end() : run.end() + 2]
    is_item = len(run[0]) > 1 and len(after) == 2 and after[0] in _BULLETS and after[1].isspace()
    return "\n" if is_item else " "
