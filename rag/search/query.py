"""From what a person typed to what is searched: follow-ups completed, stories cut to their question, words corrected.

Everything is done by rules, in well under ten milliseconds, and reported to the user in `Query.notes`.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from core.text.aspects import aspect
from core.text.condense import condensed
from core.text.everyday import medical_words
from core.text.follow_ups import names_nothing, stand_alone
from core.text.language import ENGLISH, of_another_language
from core.text.personal import asks_for_amount
from core.text.spelling import american, is_misspelt
from core.text.words import stop_words, terms, words
from index.reader import Index
from rag.answer import Note

LONG = 60
"""Words beyond which a message is cut to the sentences that ask and the most informative others."""
CHAT = {
    "greeting": (
        re.compile(r"(?:hi|hello|hey|good (?:morning|afternoon|evening)|greetings)(?: there| all| everyone)?", re.I),
        "Hello! Ask a health question, and the answer comes from the file, with its sources.",
    ),
    "thanks": (
        re.compile(r"(?:many )?(?:thanks|thank you|thx|cheers)(?: (?:a lot|so much|very much|you|all))*", re.I),
        "You are welcome. Ask whenever you like to know more.",
    ),
    "farewell": (re.compile(r"(?:good)?bye|see you|good night|take care", re.I), "Goodbye, and take care."),
    "identity": (
        re.compile(
            r"(?:who|what) are you|how are you(?: today| doing)?|what can you do|what is your name|"
            r"are you (?:a )?(?:bot|robot|human|real)",
            re.I,
        ),
        "This is CiteWell: it answers health questions from one file and shows the passages that each answer rests on.",
    ),
}
ABOUT_WHAT = "What is this about? Name the illness, the medicine or the test, and ask again."
"""The reply to a first question that names nothing: any passage on any illness would seem to answer it."""
FOREIGN = Note("language", "few words of this question stand in the file; ask in the language that the file is in")
"""The note of a question in another language than the file's."""
FEW_WORDS = 4
"""Words of the shortest question whose language is looked at."""
KNOWN = 0.67
"""Share of the words up to which they are few. Over MedQuAD, 302 of 333 messages in five other languages are seen, and
6 of 2,584 that people sent in English are taken for one."""
ASKING = 2
"""English words of asking ("what", "the", "of") from which a question of strange names is English all the same."""
_LEAST = 6
"""Letters of the shortest word that is corrected; shorter ones are near too many others ("covid" to "cvid")."""
_FREQUENT = 1e-5
"""Share of the file's words that a word must have to be put where two letters are wrong."""


@dataclass(frozen=True)
class Query:
    """A question as it was asked and as it is searched."""

    asked: str
    searched: str
    terms: tuple[str, ...]
    """Stems for the lexical search: those of `searched`, of what was typed, and of the medical words for lay ones."""
    notes: tuple[Note, ...] = ()
    """Notes for the user: every change to the question, and why."""
    reply: str = ""
    """The reply that is given at once, without a search, where the message is no question (a greeting, thanks), is in
    another language than the file, or names nothing to search for."""
    aspect: str = "information"
    """The aspect that is asked about, in the words of `core.text.aspects.aspect`."""
    asks_dose: bool = False
    """Whether the question asks how much of something a certain person should take."""


def understand(
    question: str,
    index: Index,
    history: Sequence[str] = (),
    *,
    correct: bool = True,
    dictionary: Collection[str] = (),
) -> Query:
    """Read a question.

    Args:
        history: what was asked before it in the conversation, oldest first.
        correct: correct words that stand neither in the file nor in a dictionary of its language.
        dictionary: further words in lower case that are no mistakes, though the file may not hold them.
    """
    asked = " ".join(question.split())
    if reply := _chat(asked):
        return Query(asked, asked, (), reply=reply)
    line = of_another_language(asked, index.language)
    if line and not all(_is_known(word, index) for word in words(asked)):  # "café au lait spots" stand in English files
        return Query(asked, asked, (), reply=line)
    notes: list[Note] = []
    searched = asked
    before = [each for each in (" ".join(each.split()) for each in history) if not _chat(each)]
    if (whole := stand_alone(asked, before)) != asked:
        searched = whole
        notes.append(Note("follow-up", f"understood as: {searched}"))
    elif names_nothing(asked) and not medical_words(asked):
        return Query(asked, asked, (), reply=ABOUT_WHAT)
    if len(searched.split()) > LONG:
        searched = _condensed(searched, index)
        notes.append(Note("condensed", "the message is long; searched were the sentences that ask and tell most"))
    typed = searched
    if correct:
        searched, changed = _corrected(searched, index, dictionary)
        notes.extend(Note("corrected", f"searched for {right!r} in place of {wrong!r}") for wrong, right in changed)
    if _is_foreign(asked, index, dictionary):
        notes.append(FOREIGN)
    medical = medical_words(searched)
    return Query(
        asked,
        searched,
        tuple(dict.fromkeys([*terms(searched), *terms(typed), *terms(" ".join(medical))])),
        tuple(notes),
        aspect=aspect(searched),
        asks_dose=asks_for_amount(asked),
    )


def _is_foreign(text: str, index: Index, dictionary: Collection[str]) -> bool:
    """Whether few of a question's words stand in an English file or the dictionary, and hardly any is a word of asking.

    Lists of other languages lack too many forms of words to tell ("horas" in Spanish).
    """
    typed = [word for word in words(text) if word.isalpha()]
    asking = sum(word in stop_words("search") for word in typed)
    if len(typed) < FEW_WORDS or not dictionary or asking >= ASKING or index.language != ENGLISH:
        return False
    known = [word for word in typed if word in dictionary or _is_known(word, index)]
    return len(known) <= KNOWN * len(typed)


def _chat(asked: str) -> str:
    plain = re.sub(r"[^\w\s']", "", asked).strip()
    return next((reply for pattern, reply in CHAT.values() if pattern.fullmatch(plain)), "")


def _condensed(text: str, index: Index) -> str:
    """The sentences that ask, then those with the most telling words, in their order, up to `LONG` words."""

    def telling(sentence: str) -> float:
        return sum(
            sorted(index.lexical.weight(term) for term in set(terms(sentence)) if index.lexical.knows(term))[-6:]
        )

    return condensed(text, LONG, telling)


def _corrected(text: str, index: Index, dictionary: Collection[str]) -> tuple[str, list[tuple[str, str]]]:
    """The text with words that nobody writes replaced by near ones of the file, and British spellings by its own.

    A word of a dictionary is no mistake, whatever the file lacks: "plague" is not "plaque".
    """
    changed: list[tuple[str, str]] = []
    for word in dict.fromkeys(words(text)):
        if len(word) < _LEAST or not word.isalpha() or word in index.words or word in stop_words("search"):
            continue
        if (spelt := american(word)) != word and _is_known(spelt, index):
            text = re.sub(rf"\b{re.escape(word)}\b", spelt, text, flags=re.I)  # the same word, so nothing to report
            continue
        if word in dictionary or any(index.lexical.knows(term) for term in terms(word)):
            continue
        if (right := nearest_word(word, index)) and is_misspelt(word, index.language):
            text = re.sub(rf"\b{re.escape(word)}\b", right, text, flags=re.I)
            changed.append((word, right))
    return text, changed


def _is_known(word: str, index: Index) -> bool:
    return word in index.words or any(index.lexical.knows(term) for term in terms(word))


def nearest_word(word: str, index: Index) -> str:
    """The file's word that `word` is most likely meant to be; empty if none is near.

    One edit (optimal string alignment) or the same letters in another order; two edits from eight letters on, if the
    word is a frequent one. The first letter is taken to be right. Of equally near words the most frequent one.
    """
    candidates = [other for other in index.words_by_letter.get(word[0], ()) if abs(len(other) - len(word)) <= 2]
    near = process.extract(word, candidates, scorer=OSA.distance, score_cutoff=2, limit=50)
    found = [
        (distance, -index.words[other], other)
        for other, distance, _ in near
        if distance == 1
        or sorted(other) == sorted(word)
        or (len(word) > 7 and index.words[other] >= _FREQUENT * index.word_count)
    ]
    return str(min(found)[2]) if found else ""
