"""What a question is about and what it asks of it: its topic and its aspect, by the words of asking."""

import re

# The order decides where a question has words of two: "treated for the cause" asks for treatment.
_ASPECTS = {
    "genetic changes": r"genetic changes?|gene mutations?|which genes?|what genes?",
    "inheritance": r"inherit\w*|heredit\w*|runs? in (?:the )?famil\w*|passed (?:on|down)|genetic\w*|"
    r"from (?:my|his|her) (?:mother|father|parents)",
    "frequency": r"how many people|how (?:common|rare|often|frequent)|prevalence|incidence|affected by",
    "research": r"research|clinical trials?|stud(?:y|ies) (?:on|of)|being studied",
    "prevention": r"prevent\w*|avoid\w*|protect\w*|lower (?:my|the|your) risk|keep from|ward off|not (?:get|catch)",
    "treatment": r"treat\w*|cures?|cured|curable|therap(?:y|ies)|medicines?|medications?|drugs?|remed(?:y|ies)|"
    r"surger(?:y|ies)|operation|get rid of|helps? (?:with|for)|manage\w*|relie[fv]\w*|what to do for|what can be done|"
    r"what (?:can|should|do) (?:i|we) (?:do|take)",
    "exams and tests": r"diagnos\w*|tests?|tested|exams?|scans?|find out if|detect\w*|check(?:ed)? for|screen\w*|"
    r"how do doctors know",
    "symptoms": r"symptoms?|signs?|feels? like|look like|how (?:do|would|can) (?:i|you) (?:know|tell)|warning",
    "susceptibility": r"at risk|risk factors?|who gets?|likely to get|more likely|chances? of getting",
    "outlook": r"outlook|prognosis|life expectancy|surviv\w*|how long (?:can|do|does|will)|fatal|deadly|die from|"
    r"get better|go away",
    "complications": r"complications?|lead to|long.term effects|untreated|dangerous|what happens if",
    "stages": r"stages?|spread",
    "causes": r"causes?|caused|causing|why|reasons?|how (?:do|does|did) (?:i|you|people|someone|one) (?:get|catch)|"
    r"come from|trigger\w*|due to|contagious|catch it",
    "considerations": r"eat\w*|diet|foods?|nutrition|should i know|living with",
}
_ASPECT = {aspect: re.compile(rf"\b(?:{words})\b", re.I) for aspect, words in _ASPECTS.items()}
_ASKING = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|be|being|been|am|do|does|did|done|can|could|"
    r"should|would|will|may|might|have|has|had|there|any|some|a|an|the|of|for|to|in|on|with|from|by|about|and|or|if|"
    r"you|your|i|me|my|we|our|it|its|he|she|they|their|his|her|this|that|these|those|people|someone|person|get|gets|"
    r"getting|know|tell|need|information|many|much|related|affected|mean|means|meant|called|please|also|not|no)\b",
    re.I,
)
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")


def aspect(question: str) -> str:
    """What the question asks about its topic, in MedQuAD's names of question types; "information" if nothing special.

    MedQuAD: Ben Abacha and Demner-Fushman, BMC Bioinformatics 2019.
    """
    return next((name for name, pattern in _ASPECT.items() if pattern.search(question)), "information")


def asks_about(aspect: str, text: str) -> bool:
    """Whether a text has the words of an aspect; of "information", which has none of its own, never."""
    return aspect in _ASPECT and bool(_ASPECT[aspect].search(text))


def topic(question: str) -> str:
    """The words of a question that are not words of asking, in their order: "gout" of "What causes gout?".

    Of a question that has no others, all its words.
    """
    rest = question
    for pattern in _ASPECT.values():
        rest = pattern.sub(" ", rest)
    words = _WORD.findall(_ASKING.sub(" ", rest))
    return " ".join(words or _WORD.findall(question))
