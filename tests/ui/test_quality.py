"""Figures of the Quality page as rows that everybody can read."""

import pytest

from ui.quality import flat


@pytest.mark.parametrize(
    ("figures", "rows"),
    [
        ({"machine": {"memory_gib": 24}}, [("machine › memory gib", "24")]),
        ({"build": [{"rows": 1000}, {"rows": 16407}]}, [("build › 1 › rows", "1,000"), ("build › 2 › rows", "16,407")]),
        ({"interval": [0.1, 0.25], "sure": True, "none": None}, [("interval", "0.1, 0.25"), ("sure", "True")]),
        ({"empty": {}, "list": []}, [("list", "")]),
        (None, []),
    ],
)
def test_nested_figures_become_rows(figures: object, rows: list[tuple[str, str]]) -> None:
    assert [(row["Figure"], row["Value"]) for row in flat(figures)] == rows
