"""Whether sentences tell what a question asks: a passage under the right heading may still say nothing of it, and one
under another heading may tell it.

A record's answer is cut into passages, and the part that is shown of one on treatment may only say what the illness
is. Where the words of an answer are missing, the question is not answered; where they are there unsought, it is not
refused.
"""

import re

from core.text.aspects import asks_about
from core.text.names import telling_stems
from core.text.words import content_words

_ASPECTS = {
    "information": r"is|are|was|refers?|means?|occurs?|affects?|happens?|causes?|describes?|characterized",
    "symptoms": r"symptoms?|signs?|pains?|painful|feel\w*|develop\w*|have|has|may|can|include\w*|appear\w*|cause[sd]?|"
    r"characteri[sz]ed|features?|experience|affect\w*|problems?",
    "treatment": r"treat\w*|therap\w+|medic(?:ine|ation)s?|drugs?|surg\w+|operations?|cure[sd]?|relie\w+|antibiotics?|"
    r"transplant\w*|manage\w*|prescri\w+|\w*dialysis|remov\w+|supplement\w*|diet\w*|steroids?|helps?|helpful|rest",
    "exams and tests": r"diagnos\w+|tests?|tested|testing|exam\w*|scans?|imaging|biops\w+|x-rays?|mri|ct|screen\w*|"
    r"ultraso\w+|measur\w+|samples?|detect\w*|monitor\w*|checks?",
    "prevention": r"prevent\w*|avoid\w*|reduc\w+|lower\w*|protect\w*|vaccin\w+|risk|quit\w*|limit\w*|keep\w*|stop\w*",
    "inheritance": r"inherit\w*|heredit\w*|famil\w+|autosomal|x-linked|parents?|passed|sporadic|runs?|mitochondrial",
    "frequency": r"\d[\d,.]*|rare|common\w*|prevalence|incidence|estimated|unknown|few|many|most",
    "genetic changes": r"genes?|mutations?|mutated|chromosom\w+|delet\w+|duplicat\w+|dna|genetic\w*|inherited",
    "susceptibility": r"risks?|likely|common|often|ages?|older|women|men|factors?|history|susceptib\w+|chances?",
    "research": r"research\w*|trials?|stud(?:y|ies|ied|ying)|scientists?|investigat\w+|experiment\w*",
    "outlook": r"prognos\w+|outlook|surviv\w+|life|live[sd]?|deaths?|die[sd]?|fatal|recover\w*|progress\w*|worse\w*|"
    r"improve\w*|remission|permanent\w*|resol\w+|away|outcomes?|lifelong|chronic|disappear\w*|heal\w*|years",
    "complications": r"complicat\w+|lead|leads|risks?|damage\w*|deaths?|fatal|problems?|serious|result\w*|develop\w*|"
    r"threatening|harm\w*|severe|failure|disab\w+",
    "stages": r"stages?|staging|spread\w*|grades?|metasta\w+",
    "causes": r"caus\w+|due|result\w*|because|mutations?|lead\w*|trigger\w*|from|factors?|link\w*|unknown|when|"
    r"reasons?|associated|contribut\w+|infect\w*|spread",
    "considerations": r"diet\w*|eat\w*|foods?|avoid\w*|should|activit\w+|drink\w*|nutrition\w*|need\w*|help\w*",
}
"""Of each aspect (`index.topics.aspect`), words of which a sentence that answers it has one at least."""
_HARD_TO_MISS = {
    "prevention": r"prevent\w*|avoid\w*|reduc\w+|lower\w*|protect\w*|vaccin\w+|quit\w*",
    "frequency": r"\d[\d,.]* (?:in|of|per|out|people|cases|births|americans)|percent|rare|rarely|uncommon|prevalence|"
    r"incidence|estimated|(?:most|very|fairly|more|less|is|are) common",
    "outlook": r"prognos\w+|outlook|surviv\w+|life|lives|deaths?|die[sd]?|fatal|recover\w*|progress\w*|wors\w+|"
    r"improv\w+|remission|permanent\w*|resol\w+|go(?:es)? away|outcomes?|lifelong|chronic|heal\w*|cur\w+",
    "causes": r"caus\w+|due to|results? (?:from|when)|because|mutations?|trigger\w*|contribut\w+|unknown|infected|"
    r"(?:develop|occur|happen|form|appear)s? when|comes? from|reasons?|factors?|linked|associated|leads? to",
}
"""Instead of `_ASPECTS`, of aspects that have words there which almost every passage has."""
_ASPECT = {aspect: re.compile(rf"\b(?:{words})\b", re.I) for aspect, words in _ASPECTS.items()}
_TOUCHED = {aspect: re.compile(rf"\b(?:{words})\b", re.I) for aspect, words in {**_ASPECTS, **_HARD_TO_MISS}.items()}

_PARTICULAR = tuple(
    (re.compile(rf"\b(?:{asked})\b", re.I), re.compile(rf"\b(?:{said})\b", re.I))
    for asked, said in (
        (r"blood test|blood", r"blood"),
        (r"scan you", r"scans?|imaging|mri|ct|x-rays?|ultraso\w+"),
        (r"pill", r"pills?|medic\w+|drugs?|surg\w+|operat\w+|antibio\w+|tablets?|therap\w+"),
        (r"in the hospital", r"hospital\w*|surg\w+|intraven\w+|transfusion\w*|intensive|transplant\w*"),
        (r"cured?", r"cur\w+|treat\w*|therap\w+"),
        (r"turned around", r"revers\w+|cur\w+|treat\w*|recover\w*"),
        (r"catching|contagious|pick up", r"caus\w+|spread\w*|transmi\w+|infect\w*|contagio\w+|inherit\w*|mutation\w*"),
        (
            r"die|died|deadly|kill|grow old|how long do people|life expectancy|survival",
            r"die[sd]?|deaths?|fatal|lethal|surviv\w+|life|live[sd]?|mortality|lifespan",
        ),
        (r"worse over time", r"wors\w+|progress\w*|over time|stable|improv\w+|slow\w*|become\w*|degenerat\w+"),
        (
            r"go away|goes away|recover",
            r"away|resol\w+|recover\w*|remission|cur\w+|permanent\w*|life\w*|improv\w+|outgrow\w*|disappear\w*|"
            r"heal\w*|chronic|last\w*|persist\w*|progress\w*|prognosis|outcomes?|outlook|fatal|surviv\w+|death",
        ),
        (r"older people|my age", r"age[sd]?|old\w*|elder\w*|years|childhood|adult\w*"),
        (r"foods?|eat|diet|cook|table", r"foods?|eat\w*|diet\w*|nutri\w+|drink\w*|meals?"),
        (r"trials?", r"trials?"),
        (r"new cure", r"cur\w+|treat\w*|therap\w+|drugs?"),
        (
            r"serious|dangerous|danger|something bad|how bad",
            r"serious|sever\w+|fatal|deaths?|threaten\w*|mild\w*|danger\w*|harm\w*|cancer\w*|benign|damage\w*|"
            r"complicat\w+|problems?|risks?|deadly",
        ),
        (r"spread|next in the body", r"spread\w*|metasta\w+"),
        (r"does \S.* hurt", r"pain\w*|hurt\w*|sore\w*|ache\w*|tender\w*|discomfort|headaches?|burn\w*|cramp\w*"),
        (
            r"how does \S.* begin|first signs",
            r"first|begin\w*|start\w*|early|onset|initial\w*|at birth|childhood|inf\w+",
        ),
        (r"how many babies", r"newborns?|births?|born|babies|infants?|children"),
        (r"out of how many|how many people", r"\d[\d,.]*|unknown|rare"),
        (r"which chromosome", r"chromosom\w+"),
        (
            r"skip a generation|both my parents",
            r"carr(?:y|ier|iers)|recessive|dominant|both copies|new mutations?|de novo",
        ),
        (r"from my mother or my father", r"mother\w*|father\w*|parents?|x-linked|maternal\w*|paternal\w*|autosomal"),
        (r"day to day", r"daily|every day|each day|activit\w+|lifestyle|should|living"),
        (
            r"something else",
            r"other (?:conditions?|diseases?|disorders?|causes?)|rule out|differ\w*|similar|distinguish",
        ),
        (r"part of the body", r"body|heart|lungs?|brain|skin|bones?|eyes?|kidneys?|liver|blood|muscles?|nerv\w+|\w+s"),
    )
)
"""Words of questions that ask for something of their aspect, and what a sentence that answers has then."""


def tells(question: str, topic: str, aspect: str, sentences: str) -> bool:
    """Whether sentences of a passage have the words of an answer to a question about an aspect of a topic."""
    named = re.compile(rf"\b(?:{'|'.join(map(re.escape, topic.split()))})\b", re.I)
    if aspect in _ASPECT and not _ASPECT[aspect].search(named.sub("", sentences)):
        return False  # "hereditary" in the name of an illness does not say how it is inherited
    if aspect == "information" and not telling_stems(topic) & set(content_words(sentences)):
        return False
    return all(said.search(sentences) for asked, said in _PARTICULAR if asked.search(question))


def silent(aspect: str, text: str) -> bool:
    """Whether a text has neither the words of asking about an aspect nor those of an answer; a question about it is
    refused over such texts alone."""
    return not asks_about(aspect, text) and not (aspect in _TOUCHED and _TOUCHED[aspect].search(text))
