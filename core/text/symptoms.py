"""The symptoms that a passage lists: people who do not know an illness by name describe them.

The words that distinguish such lists and things from others were gathered by reading what was found in MedQuAD's
answers.
"""

import re
from collections.abc import Iterator, Sequence

from core.text.sentences import sentence_spans

_LISTS = re.compile(
    r"(?:\b(?:symptoms?|signs?|features?|problems?|abnormalities|complications)\b[^.;:]{0,120}?"
    r"(?:\b(?:include|includes|including|such as|may be|are|is)\b|:)"
    r"|\b(?:people|individuals|patients|children|infants|babies|adults|women|men|you|they)\b[^.;:]{0,80}?"
    r"\b(?:have|experience|develop|feel|notice)\b"
    r"|\b(?:characterized by|causes)\b):?\s+(?P<things>.+)",
    re.I | re.S,
)
_PARTED = re.compile(r"[,;:\n•]|\s-\s|\s\*\s|[()\[\]]")
_EDGE = re.compile(
    r"^(?:(?:and|or|also|as|well|the|an?|may|can|such|including|include|have|has|their|your|be|being|any|other|both|"
    r"experience|develop|either|more|less|to|with|of|in|but)\s+)+|(?:(?<!\s)\s+(?:and|or|in|of|the|an?|with|to|also|may)){1,9}$"
)
_THING = re.compile(r"[a-z]+(?:['-][a-z]+)*(?: [a-z]+(?:['-][a-z]+)*){0,6}")
_TOLD = re.compile(
    r"\b(?:is|are|was|were|been|can|could|may|might|will|would|should|had|does|do|that|which|who|whom|whose|when|where|"
    r"if|because|than|known|called|includ\w+|such|several|many|some|most|its|their|this|these|those|there|they|it|he|"
    r"she|people|person|individuals?|affected|patients?|condition|disorders?|diseases?|syndromes?|symptoms?|signs?|"
    r"features?|types?|forms?|common\w*|usually|often|sometimes|genes?|mutations?|chromosom\w+|cells?|proteins?|"
    r"enzymes?|inherit\w+|caus\w+|results?|factors?|risks?|treat\w*|therap\w+|surg\w+|medic\w+|drugs?|tests?|doctors?|"
    r"diagnos\w+|studies|study|research\w*|example|characteri\w+|occurs?|appears?|develops?|begins?|becomes?|groups?|"
    r"years?|months?|weeks?|age|ages|life|rare|estimated|other|others|born|family|history|body|information|"
    r"cancers?|stages?|what|how|why|not|percent|between|during|also|due|health|care|see|call|ask|talk)\b"
)
_NOT_A_THING = re.compile(
    r"\w+(?:ly|ous|ic|al|ed|ent|ive)|sudden|extreme|severe|mild|benign|obese|bones?|brain|eyes?|ears?|face|hands?|heart|joints?|"
    r"kidneys?|knees|liver|lungs?|mouth|muscles?|nose|skin|spine|stomach|water|injur\w+|illness\w*|"
    r"(?:after|before|especially|following|for|from|into|normally|on|onto|outside|outward|rarely|underneath|under|you|"
    r"toward|only|improved|considered|managed)\b.*"
)
"""A fragment that cannot be used alone: an adjective, a part of the body, words that continue a phrase."""
MOST_LETTERS = 45
"""Most letters of a thing that a question may name: longer ones read like a book and not like a question."""


def symptom_lists(text: str, taken: Sequence[str] = ()) -> Iterator[list[str]]:
    """Return the things, in lower case, of each sentence that lists two or more things that one has or notices.

    Args:
        taken: names of which no word of more than three letters may be in a thing.
    """
    named = {word for name in taken for word in re.findall(r"[a-z]{4,}", name.casefold())}
    for start, end in sentence_spans(text):
        found = _LISTS.search(text[start:end])
        pieces = _PARTED.split(found["things"].casefold()) if found else ()
        things = [thing for piece in pieces if (thing := _EDGE.sub("", piece.strip(" .?!\t")).strip())]
        fitting = [thing for thing in things if _is_felt(thing) and not named.intersection(thing.split())]
        if len(fitting) > 1:
            yield list(dict.fromkeys(fitting))


def _is_felt(thing: str) -> bool:
    return (
        bool(_THING.fullmatch(thing))
        and 5 <= len(thing) <= MOST_LETTERS
        and not (_TOLD.search(thing) or _NOT_A_THING.fullmatch(thing))
    )
