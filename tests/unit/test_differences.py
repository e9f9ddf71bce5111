from harness.config.differences import differences, flat


def test_keys_are_dotted_and_an_empty_mapping_is_a_value():
    assert flat({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "a.c": {}, "d": [2]}


def test_differences_are_named_with_both_values():
    before = {"model": {"filters": 8, "old": 1}, "seed": 0}
    now = {"model": {"filters": 4}, "seed": 0, "more": None}
    assert differences(before, now) == [
        "model.filters 8 (now 4)",
        "model.old 1 (now absent)",
        "more absent (now None)",
    ]
    assert differences(before, before) == []
    assert len(differences({"a": list(range(1000))}, {"a": []})[0]) < 100
