from core.text.plain import plain


def test_what_steers_a_terminal_or_is_half_a_character_is_gone() -> None:
    assert plain("\x1b[31mred\x07 caf\udce9\r\n\tnext \u2265 38 \U0001f912") == "[31mred caf\ufffd\n\tnext ≥ 38 🤒"
