import json

import pytest

from core.seals import SEAL, seal_of, sealed, unsealed

RECORD = {"csv": "clinic é.csv", "rows": 12, "files": {"a": {"bytes": 1}}, "share": 0.25}


def test_a_record_comes_back_without_its_seal() -> None:
    kept = sealed(RECORD)
    assert kept[SEAL] == seal_of(RECORD)
    assert unsealed(json.dumps(kept, indent=2)) == RECORD
    assert unsealed(json.dumps(RECORD)) == RECORD  # of before records had one


def test_no_bit_of_a_record_flips_unseen() -> None:
    """Whatever bit flips, the record is refused or says what it said; in the seal's name it makes a further key."""
    content = json.dumps(sealed(RECORD), ensure_ascii=False).encode()
    for at in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[at] ^= 1 << bit
            try:
                found = unsealed(bytes(flipped))
            except ValueError:
                continue
            found = {key: value for key, value in found.items() if key in RECORD}
            assert found == RECORD, (at, bit)


@pytest.mark.parametrize("content", ["[]", "{", '"text"', ""])
def test_what_is_no_record_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unsealed(content)
