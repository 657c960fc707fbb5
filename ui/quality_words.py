"""What the measures of the Quality page mean, for readers who measure nothing themselves."""

SHORT = {
    "answered_of_answerable": "answered, of what the file answers",
    "refused_of_others": "refused, of what it does not",
    "misleading": "of the answers mislead",
}
"""The three figures that stand first."""
BARS = {
    "answered_of_answerable": "answered",
    "refused_of_others": "refused",
    "cites_a_good_passage": "cite an answer",
    "misleading": "mislead",
    "written_by_the_model": "in own words",
    "good_passage_in_3_of_20": "found first",
}
"""What the bars of a chart are called, in words that a phone has room for; a table below it says the same in full."""
OF_PEOPLE = (
    "answered_of_answerable",
    "refused_of_others",
    "cites_a_good_passage",
    "misleading",
    "written_by_the_model",
    "good_passage_in_3_of_20",
)
"""The measures of whole answers, in the order in which they are told."""
MEASURES = {
    "answered_of_answerable": ("questions that the file answers: answered", ""),
    "refused_of_others": ("questions that it does not answer: refused", ""),
    "cites_a_good_passage": ("answers: a cited passage answers the question", ""),
    "misleading": ("answers: misleading", ""),
    "written_by_the_model": ("answers: written by the model, not quoted", ""),
    "good_passage_in_3_of_20": ("searches that find an answering passage: it is among the first three", ""),
    "citation_recall": ("supported sentences", "share of sentences that a cited passage supports"),
    "citation_precision": ("needed citations", "share of citations that support the sentence that they stand behind"),
    "groundedness": ("grounded sentences", "share of sentences that any passage supports, cited or not"),
    "invented_numbers": ("invented numbers", "numbers in an answer that no passage has"),
    "refusal_precision": ("right refusals", "share of refusals of which the passages indeed hold no answer"),
    "refusal_recall": ("refused where due", "share of unanswerable questions that are refused"),
    "false_refusals": ("false refusals", "share of answerable questions that are refused"),
    "whole_endings": ("whole endings", "share of answers that end with a whole sentence"),
    "sentences": ("sentences", "sentences of an answer"),
    "words": ("words", "words of an answer"),
    "rouge_1": ("ROUGE-1", "words shared with an answer written by hand"),
    "rouge_2": ("ROUGE-2", "pairs of words shared with an answer written by hand"),
    "rouge_l": ("ROUGE-L", "longest run of words, in order, shared with an answer written by hand"),
    "bleu": ("BLEU", "runs of up to four words shared with an answer written by hand, 0 to 100"),
    "chrf": ("chrF", "runs of letters shared with an answer written by hand, 0 to 100"),
    "bertscore": ("BERTScore", "nearness in meaning to an answer written by hand, by a language model"),
    "perplexity": ("perplexity", "how much the model is surprised by an answer written by hand; less is better"),
    "bits_per_byte": ("bits per byte", "the same, by the length of the text; less is better"),
}
"""Measure -> what it is called, and what it means."""
MODELS = {"base": "without training", "tuned": "with training", "difference": "difference"}
_BY_WORDS = "_by_words"


def named(measure: str) -> str:
    """What a measure is called."""
    bare = measure.removesuffix(_BY_WORDS)
    name = MEASURES.get(bare, (bare.replace("_", " "),))[0]
    return f"{name}, by words alone" if bare != measure else name


def meaning(measure: str) -> str:
    """What a measure means; empty where nothing is known."""
    bare = measure.removesuffix(_BY_WORDS)
    means = MEASURES.get(bare, ("", ""))[1]
    return f"{means}; judged by shared words" if means and bare != measure else means
