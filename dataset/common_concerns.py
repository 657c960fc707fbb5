"""Things that people ask about any illness, and by which words a passage shows that it says them.

A word is not yet an answer: "a health care provider is unable to massage the hernia back" says nothing of acupuncture.
So a question is answered where a sentence has words that hardly stand there unless it answers, refused where nothing
shown has even a word that might, and not asked in between.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Matter:
    """Something that people ask about any illness."""

    asked: tuple[str, ...]
    said: re.Pattern[str]
    """Words that a sentence has if it answers."""
    touched: re.Pattern[str]
    """Words without which a text does not speak of it."""

    def is_said(self, sentence: str) -> bool:
        """Whether a sentence answers it."""
        return bool(self.said.search(sentence))

    def is_touched(self, text: str) -> bool:
        """Whether a text may speak of it."""
        return bool(self.touched.search(text))


def _matter(said: str, touched: str, *asked: str) -> Matter:
    """Patterns of word beginnings; `touched` is what else but `said` may speak of it."""
    also = f"|{touched}" if touched else ""
    return Matter(asked, re.compile(rf"\b(?:{said})", re.I), re.compile(rf"\b(?:{said}{also})", re.I))


MATTERS = (
    _matter(
        r"alcohol|drinking (?!water|fluid)|wine\b|beer\b",
        r"drink|liquor",
        "can i drink alcohol with {t}",
        "is a glass of wine ok with {t}",
        "does drinking alcohol matter for {t}",
    ),
    _matter(
        r"smok|tobacco|cigarette|nicotin",
        "",
        "does smoking make {t} worse",
        "what does smoking do to {t}",
        "has smoking to do with {t}",
    ),
    _matter(
        r"exercis|physical activit|physically active|sports?\b|workout",
        r"walking|active",
        "can i exercise with {t}",
        "is sport good for {t}",
        "does moving more help with {t}",
    ),
    _matter(
        r"pregnan",
        r"birth|baby|babies|newborn|unborn|mother",
        "{t} and pregnancy",
        "what about {t} when you are pregnant",
        "what does {t} mean for a pregnancy",
    ),
    _matter(
        r"vitamins?\b|supplement",
        r"mineral|iron\b|calcium",
        "do vitamins help with {t}",
        "what have vitamins to do with {t}",
        "do i need supplements for {t}",
    ),
    _matter(
        r"diets?\b|dietary|foods?\b|eating|nutrition",
        r"eat|meal|feed",
        "does food have anything to do with {t}",
        "does it matter what i eat with {t}",
        "is there a diet for {t}",
    ),
    _matter(
        r"surger|surgical(?:ly)?|operations?\b|operated",
        r"surg|operat|remov|transplant|repair",
        "do you need surgery for {t}",
        "is there an operation for {t}",
        "do they cut you open for {t}",
    ),
    _matter(
        r"costs?\b|insurance|expensive",
        r"price|pay|money|insur|expens|financ",
        "how much does it cost to treat {t}",
        "does insurance pay for {t}",
    ),
    _matter(
        r"\d+ ?(?:mg\b|milligram|mcg|micrograms?)|dosage",
        r"dose|\d+ ?(?:ml|g)\b|gram|units?\b",
        "how many mg should i take for {t}",
        "dose for {t}",
        "how much medicine do you take for {t}",
    ),
    _matter(
        r"hospital",
        r"inpatient|admitted|intensive care|clinic",
        "do i have to go to hospital with {t}",
        "do people with {t} end up in hospital",
    ),
    _matter(
        r"vaccin",
        r"immuniz|shots?\b|inoculat",
        "is there a vaccine for {t}",
        "can you get a shot so you dont get {t}",
    ),
    _matter(
        r"dogs?\b|cats?\b|animals?\b|pets?\b|cattle|birds?\b",
        r"mice|mouse|livestock|horse|sheep",
        "can pets get {t}",
        "have animals to do with {t}",
    ),
    _matter(
        r"travel",
        r"trip|abroad|countr|africa|asia|america|europe",
        "can i travel with {t}",
        "has {t} to do with travelling",
    ),
    _matter(
        r"occupation|workplace|at work\b|return to work|jobs?\b",
        r"work|employ|career",
        "can i go to work with {t}",
        "can my job have to do with {t}",
    ),
    _matter(
        r"schools?\b|classroom|teachers?\b",
        r"learn|educat|student",
        "{t} and school",
        "can my son go to school with {t}",
    ),
    _matter(
        r"sleep|insomnia",
        r"night|awake|tired|fatigue",
        "does {t} keep you awake at night",
        "sleep problems with {t}",
        "how does {t} change your sleep",
    ),
    _matter(
        r"depress|anxi|mood|emotion",
        r"stress|mental|feeling|psych|behav",
        "can {t} make you depressed",
        "what does {t} do to your mood",
        "{t} and feeling down",
    ),
    _matter(r"driv(?:e|ing)\b", r"driv|car\b|vehicle", "can i drive a car with {t}", "is it ok to drive with {t}"),
    _matter(
        r"sunlight|sun\b|ultraviolet|sunscreen|sunburn",
        r"uv\b|light|outdoor",
        "is the sun bad for {t}",
        "should i stay out of the sun with {t}",
    ),
    _matter(
        r"overweight|obes|weight loss|los(?:e|ing) weight|body weight|weight gain",
        r"weight|thin\b|fat\b",
        "has my weight to do with {t}",
        "{t} and weight",
        "what does {t} have to do with how heavy i am",
    ),
    _matter(
        r"children\b|childhood|infan|newborn|teen|adolescen",
        r"child|baby|babies|birth|young|boy|girl|age|juvenile|congenital|pediatric",
        "can children get {t}",
        "do kids have {t} too",
    ),
    _matter(
        r"older (?:people|adults|men|women|age)|elderly|increases with age|over (?:age )?[56789]0|age [56789]\d|aging",
        r"old|age\b|ages\b|aged|years|senior|late[- ]onset|adult",
        "do older people get {t}",
        "does {t} come with old age",
    ),
    _matter(
        r"(?:men|women|males?|females?|boys|girls)\b",
        r"sex\b|x-linked|gender|mother|father",
        "do more men or women get {t}",
        "is {t} the same in men and women",
    ),
    _matter(
        r"first described|discovered|named (?:after|for)",
        r"histor|describ|nam(?:e|ed)\b|call",
        "who discovered {t}",
        "why is it called {t}",
    ),
    _matter(
        r"antibiotic|penicillin|amoxicillin",
        r"antimicrob|\w+cillin|\w+mycin|bacteri",
        "do antibiotics help with {t}",
        "should i get antibiotics for {t}",
    ),
    _matter(
        r"blood tests?\b|blood samples?\b|urine tests?\b|urine samples?\b|blood count",
        r"blood|urine|sample|laborator|lab\b|test",
        "will a blood or urine test show {t}",
        "do they take blood for {t}",
    ),
    _matter(
        r"transplant",
        r"donat|donor|graft",
        "do people with {t} need a transplant",
        "is a transplant done for {t}",
    ),
    _matter(
        r"acupunct|herbs?\b|herbal|yoga|massage therap|alternative medicine|complementary",
        r"massage|alternative|natural|tradition",
        "is there anything natural against {t}",
        "what about herbs or acupuncture for {t}",
    ),
    _matter(
        r"itch|rash|skin (?:lesion|change|problem|sore|ulcer|sign|finding|thicken)|prurit|hives",
        r"skin|red|dermat|scal|blister|lesion",
        "does {t} do anything to your skin",
        "skin and {t}",
    ),
    _matter(
        r"heart (?:problem|defect|disease|failure|attack|rhythm|muscle|valve|condition|beat|rate)|cardiomyop|heartbeat",
        r"heart|cardi|aort|blood pressure",
        "is {t} bad for the heart",
        "does {t} do anything to your heart",
    ),
    _matter(
        r"vision|blindness|eyesight|cataract|eye (?:problem|disease|movement|abnormal|inflam|exam)|retin",
        r"eye|ocular|optic|sight|glaucoma|blind",
        "can {t} hurt your eyes",
        "what does {t} do to your eyesight",
    ),
    _matter(
        r"hearing|deaf",
        r"ears?\b|audit|sound",
        "can you lose your hearing from {t}",
        "what does {t} do to the ears",
    ),
    _matter(
        r"headache|migraine",
        r"head\b",
        "does {t} give you headaches",
        "my head hurts, has that to do with {t}",
    ),
    _matter(r"fever", r"temperature|hot\b|chills", "do you get a fever with {t}", "fever {t}"),
    _matter(
        r"tired|fatigue|exhaust|lack of energy",
        r"weak|energy|sleep|letharg|malaise",
        "is it normal to be tired with {t}",
        "why am i so worn out with {t}",
    ),
    _matter(
        r"joint (?:pain|stiff|problem|swelling|inflam|damage|deform)|joints\b|arthritis|osteop|bone (?:loss|pain|"
        r"abnormal|disease|problem|density)|fractures?\b",
        r"bone|joint|arthr|skelet|spine|limb|hip",
        "does {t} hurt your bones or joints",
        "is {t} bad for the joints",
    ),
    _matter(
        r"kidney (?:failure|disease|damage|problem|stone|function|abnormal)|kidneys\b|renal",
        r"kidney|nephr|urin",
        "can {t} harm the kidneys",
        "kidneys {t}",
    ),
    _matter(
        r"liver (?:disease|damage|failure|problem|function|cancer|enzyme)|cirrhosis|hepatitis|hepatomegaly",
        r"liver|hepat",
        "does {t} affect the liver",
        "is the liver hurt by {t}",
    ),
    _matter(
        r"intellectual|cognitive|dementia|learning (?:disab|problem|difficult)|thinking|memory|intelligence",
        r"brain|neuro|mental|mind|behav|develop|psych|confus",
        "is the mind affected by {t}",
        "does {t} change how well you think",
        "will my child with {t} be slow to learn",
    ),
    _matter(
        r"(?:develop|risk of|chance of|becom\w*|turn into|lead to|progress to|higher risk for)\b[^.]*\b(?:cancer|"
        r"leukemia|tumou?rs?|lymphoma|carcinoma)|malignan|benign|noncancerous",
        r"cancer|tumou?r|malign|neoplas|carcinom|leukemi|lymphom|sarcom|metasta|blastoma",
        "can {t} turn into cancer",
        "has {t} to do with cancer",
    ),
    _matter(
        r"life[- ]threatening|fatal|death|dies?\b|lethal",
        r"surviv|mortal|life|live|serious|severe|prognos|dead",
        "does {t} kill you",
        "has anyone died of {t}",
    ),
    _matter(
        r"contagious|spread (?:from|by|through|to other people)|person to person|transmit",
        r"spread|infect|pass|catch|virus|bacteri|parasit|contact",
        "can i give {t} to other people",
        "is {t} contagious",
    ),
    _matter(
        r"(?:lasts?|lasting|goes? away|resolves?|clears? up|disappears?|recovers?|heals?|passes)\b[^.]*\b(?:hour|day|"
        r"week|month|year)s?\b|lifelong",
        r"hour|day|week|month|year|last|chronic|permanent|temporar|duration|short|long|persist",
        "how long does {t} last",
        "{t} how long",
        "how many days until {t} is over",
        "when will {t} be over",
    ),
    _matter(
        r"(?:tak(?:e|en|ing)|treat\w*|therapy|antibiotics?|medicines?|given|used?|continued?)\b[^.]*\bfor (?:about |at "
        r"least |up to )?(?:\d+|an?|one|two|three|four|six|eight|several|many|(?:a )?few)(?: (?:to|or) \w+)? ?(?:days?|"
        r"weeks?|months?|years?)\b",
        r"hour|day|week|month|year|daily|long|life|duration",
        "how long do you take medicine for {t}",
        "for how many weeks is {t} treated",
        "how long is the treatment of {t}",
    ),
    _matter(
        r"(?:once|twice|three times|\d+ times) (?:a|per|each|every)\b|every (?:other |few |two |three |six |\d+ )?"
        r"(?:hour|day|week|month|year)s?\b|\w+ times a (?:day|week|month|year)|"
        r"(?:once|twice) (?:daily|weekly|monthly|yearly)",
        r"daily|weekly|monthly|yearly|annual|often|frequen|times|regular|day|week|month|year",
        "how often is it done for {t}",
        "how often should you do something about {t}",
        "how many times a year with {t}",
    ),
    _matter(
        r"(?:ages? (?:of )?(?:\d+|one|two|three)|(?:by|before|after|between) (?:the )?ages?|\d+ (?:and|to) \d+ years)\b"
        r"|(?:begin|start|appear|develop|occur|diagnosed|apparent|noticed)\w*\b[^.]*\b(?:at birth|infancy|childhood|"
        r"adolescence|adulthood)",
        r"age|old\b|older|year|birth|infan|newborn|child|adult|adolescen|congenital|teen|young|bab(?:y|ies)",
        "at what age does {t} start",
        "how old are people when they get {t}",
        "when in life does {t} begin",
    ),
    _matter(
        r"(?:no|known) cure|cannot be cured|can(?:not| not)? be cured|curable|incurable|cured by|is cured",
        r"cur(?:e|ed|es|ing|ative)\b|treat|therap|remission|goes? away|resolve|surg",
        "is there a cure for {t}",
        "can you be rid of {t} for good",
        "{t} cure or not",
    ),
    _matter(
        r"(?:chance|risk|probability|likelihood)\b[^.]*(?:\d+ ?(?:percent|%)|\b(?:1|one) in \w+|half)|"
        r"(?:\d+ ?(?:percent|%)|(?:1|one) in \w+)[^.]*\b(?:chance|risk|probability)",
        r"chance|risk|percent|probab|likel|odds|inherit|famil|parent|recessive|dominant|carrier|\d+ in \d",
        "what are the chances that my child gets {t}",
        "how big is the risk of {t}",
        "how likely is {t}, in numbers",
    ),
)
