from core.text.listings import listings


def parts(text: str) -> list[tuple[str | None, list[str]]]:
    return [
        (text[slice(*each.lead_in)] if each.lead_in else None, [text[slice(*item.span)] for item in each.items])
        for each in listings(text)
    ]


def test_marked_lines_are_items_under_the_sentence_that_leads_into_them() -> None:
    text = "It is a drug. Do not take these with it:\n* aspirin\n* ibuprofen\nTell your doctor."
    assert parts(text) == [("Do not take these with it:", ["aspirin", "ibuprofen"])]


def test_a_whole_sentence_before_a_list_is_no_lead_in() -> None:
    assert parts("Some tests help.\n- a scan\n- a blood test") == [(None, ["a scan", "a blood test"])]


def test_a_passage_that_begins_behind_the_marker_of_a_step_begins_with_that_step() -> None:
    (steps,) = listings("Call for help.\n2. Push down.\n3. Go on.")
    assert [item.marker for item in steps.items] == ["1.", "2.", "3."]
    assert steps.items[0].span == (0, 14)


def test_the_text_behind_a_list_is_not_of_its_last_item() -> None:
    text = "Signs are:\n- pain\n- swelling. It may take days. Then it passes."
    assert parts(text) == [("Signs are:", ["pain", "swelling."])]


def test_steps_in_prose_follow_each_other() -> None:
    text = "It is simple. First, boil water. Then, add salt. Finally, let it cool. Drink it."
    assert parts(text) == [(None, ["First, boil water.", "Then, add salt.", "Finally, let it cool."])]


def test_one_line_is_no_list() -> None:
    assert listings("Gout hurts.\n- It passes.") == []
    assert listings("First, rest. It passes.") == []


def test_lines_under_a_colon_are_items_without_markers() -> None:
    text = "Signs are such as:\nA tall build\nLong arms\nThey may show late. Ask a doctor."
    assert parts(text) == [("Signs are such as:", ["A tall build", "Long arms"])]
