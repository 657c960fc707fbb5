"""Lists come whole, or with a count of what is left out."""

from rag.answer import Evidence, Hit
from rag.checks.citations import Draft
from rag.checks.lists import MOST_ITEMS, with_lists

WARFARIN = "Do not take these with warfarin:\n* aspirin\n* ibuprofen\nTell your doctor first."
CPR = "Call the emergency number.\n2. Push down 5 cm.\n3. Go on until help comes."


def of(text: str, shown: str = "") -> Evidence:
    return Evidence(Hit("a-0", "a", "What?", text), 1, shown or text, text.index(shown))


def told(item: Evidence, *sentences: str) -> tuple[str, list[str]]:
    drafts, notes = with_lists([Draft(" ", sentence, (1,)) for sentence in sentences], [item])
    return "".join(draft.lead + draft.text for draft in drafts).strip(), [note.text for note in notes]


def test_a_lead_in_comes_with_its_items() -> None:
    whole = "Do not take these with warfarin:\n* aspirin\n* ibuprofen"
    assert told(of(WARFARIN), "Do not take these with warfarin:") == (whole, [])
    assert told(of(WARFARIN), "ibuprofen") == (whole, [])


def test_a_lead_in_without_a_list_is_left_out() -> None:
    assert told(of("Signs are the following:"), "Signs are the following:") == ("", [])


def test_all_steps_follow_the_first() -> None:
    steps = "1. Call the emergency number.\n2. Push down 5 cm.\n3. Go on until help comes."
    assert told(of(CPR), "Call the emergency number.") == (steps, [])
    assert told(of(CPR), "Call the emergency number.", "Push down 5 cm.") == (steps, [])


def test_steps_in_prose_come_whole() -> None:
    text = "First, boil water. Then, add sugar. Finally, let it cool."
    assert told(of(text), "First, boil water.") == (text, [])


def test_steps_that_the_passage_shown_does_not_hold_are_counted() -> None:
    text, notes = told(of(CPR, CPR[: CPR.index("\n3.")]), "Call the emergency number.")
    assert text == "1. Call the emergency number.\n2. Push down 5 cm."
    assert notes == ["2 of 3 steps of a list are shown; the rest is in passage [1]"]


def test_of_a_long_list_the_items_that_were_said_are_told_and_counted() -> None:
    items = [f"sign number {n} of many" for n in range(MOST_ITEMS + 1)]
    text, notes = told(of("Signs are:\n" + "\n".join(f"- {item}" for item in items)), items[0], items[3])
    assert text == f"Signs are:\n- {items[0]}\n- {items[3]}"
    assert notes == [f"2 of {MOST_ITEMS + 1} items of a list are shown; the rest is in passage [1]"]


def test_other_sentences_stay_as_they_are() -> None:
    assert told(of(WARFARIN), "Tell your doctor first.") == ("Tell your doctor first.", [])


def test_sentences_under_bullets_say_what_they_say_without_the_others() -> None:
    text = "- Gout is a form of arthritis.\n- Crystals form in a joint.\n- Attacks come at night for most."
    assert told(of(text), "Crystals form in a joint.") == ("Crystals form in a joint.", [])
