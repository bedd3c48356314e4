"""YAML and JSON as trees: lines, numbers as they are written, and everything that is not plain refused."""

import pytest

from catalog.portable.nodes import MAX_BYTES, Fields, Unreadable, find, from_json, from_yaml, plain


def test_numbers_and_words_are_the_text_they_are_written_in() -> None:
    text = "price: 2.50\nlong: 0.1000000000000000055\nexponent: 1e3\ncountry: no\noctal: 010\nday: 2026-04-01\n"
    assert plain(from_yaml(text + 'quoted: "true"\n')) == {
        "price": "2.50",
        "long": "0.1000000000000000055",
        "exponent": "1e3",
        "country": "no",
        "octal": "010",
        "day": "2026-04-01",
        "quoted": "true",
    }


def test_truths_and_nothing_mean_what_they_say() -> None:
    assert plain(from_yaml("a: true\nb: false\nc: null\nd: ~\ne:\nf: ''\n")) == {
        "a": True,
        "b": False,
        "c": None,
        "d": None,
        "e": None,
        "f": "",
    }


def test_json_keeps_its_numbers_as_written() -> None:
    assert plain(from_json('{"a": 2.50, "b": [1, null, true], "c": "x"}')) == {
        "a": "2.50",
        "b": ["1", None, True],
        "c": "x",
    }


def test_every_node_knows_its_line() -> None:
    tree = from_yaml("a: 1\nb:\n  - x\n  - c: 2\n")
    assert find(tree, ["b", 1, "c"]).line == 4
    assert find(tree, ["b", 1, "missing", 3]).line == 4
    assert isinstance(tree, Fields)
    assert [key.line for key, _ in tree.pairs] == [1, 2]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: &x 2\n", 2, "anchors (&x) are not read; write it out"),
        ("a: *x\n", 1, "aliases (*x) are not read; write it out"),
        ("a: !!python/object/apply:os.system [x]\n", 1, "tags (tag:yaml.org,2002:python/object/apply:os.system)"),
        ("a: !secret x\n", 1, "tags (!secret) are not read"),
        ("a: [1\n", 2, "is no YAML: did not find expected"),
        ("a: 1\n---\nb: 2\n", 2, "a file holds one document"),
        ("", 1, "is empty"),
        ("# only words\n", 1, "is empty"),
        ("[a]: 1\n", 1, "a field's name is a word"),
        ('a: "\\0"\n', 1, "holds characters that cannot be stored"),
        ("a: \x00\n", 0, "is no YAML"),
        ("a:\n\t- b\n", 2, "is no YAML"),
        ("[" * 50_000, 1, "goes deeper than 40 levels"),
        ("a: " + "x" * MAX_BYTES, 0, "is larger than 5,242,880 characters"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        from_yaml(text)
    [found] = refusal.value.problems
    assert (found.line, found.text[: len(problem)]) == (line, problem)


def test_a_tower_of_aliases_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    with pytest.raises(Unreadable, match="anchors"):
        from_yaml(bomb)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": NaN}', "is no JSON: NaN is no number"),
        ("{", "is no JSON: Expecting property name"),
        ("[" * 100_000, "is no JSON"),
        ('{"a": "\\ud800"}', "holds characters that cannot be stored"),
        ('{"\\u0000": 1}', "holds characters that cannot be stored"),
    ],
)
def test_what_is_not_plain_json_is_refused(text: str, problem: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        from_json(text)
    assert refusal.value.problems[0].text.startswith(problem)


def test_a_problem_says_where_it_is() -> None:
    with pytest.raises(Unreadable) as refusal:
        from_yaml("a: *x\n")
    assert refusal.value.problems[0].located("prices.yaml") == (
        "prices.yaml:1: aliases (*x) are not read; write it out"
    )
