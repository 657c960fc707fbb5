"""Cleaning of one CSV field: Unicode, entities, tags, control characters, white space."""

import html
import re
import unicodedata

_BLOCK = "address|article|blockquote|br|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|section|table|tbody|td|th|thead|tr|ul"
_INLINE = (
    "a|abbr|b|big|body|center|cite|code|em|font|head|html|i|img|ins|del|link|mark|meta|q|s|script|small|span|strong|"
    "style|sub|sup|title|tt|u|wbr"
)
# Only HTML's own names count as tags: "p < 0.05", "<5 mg" and "<jane@example.org>" are text.
_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>", re.I | re.S)
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK})(?:\s[^<>]*)?/?>", re.I)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE})(?:\s[^<>]*)?/?>", re.I)
_LIST_BREAK = re.compile(r"[^\S\n]{2,}(?=[-*•–]\s)")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean_text(text: str) -> str:
    """Clean a field so that cleaning it again changes nothing.

    Unicode NFC; HTML entities decoded (doubly escaped ones too) and HTML tags removed, block tags leaving a line
    break; control and invisible format characters removed; runs of white space inside a line made one space.
    Paragraph and list breaks are kept: a bullet after two or more spaces, as flattened lists have it, starts a
    line of its own.
    """
    while (cleaner := _clean_once(text)) != text:
        text = cleaner
    return text


def _clean_once(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    if "<" in text:
        text = _INLINE_TAG.sub("", _BLOCK_TAG.sub("\n", _HIDDEN.sub("", text)))
    if "&" in text:
        text = html.unescape(text)
    text = unicodedata.normalize("NFC", text)
    hidden = {ord(char): None for char in set(text) - {"\n", "\t"} if unicodedata.category(char) in ("Cc", "Cf", "Cs")}
    text = text.translate(hidden) if hidden else text
    text = _LIST_BREAK.sub("\n", text)
    text = "\n".join(_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip()
