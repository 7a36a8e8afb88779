"""Every code has a page of the fixed form, and every page a code."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from flowc.diagnostics import Code, Diagnostics, codes
from flowc.diagnostics.explanations import HEADINGS, explain, parse_page
from flowc.source.yaml_reader import read

CODES = codes.all_codes()
WITHOUT_EXAMPLE = {"FC900"}
READING = [f"FC{n}" for n in (*range(101, 104), *range(105, 111))]


def test_pages_and_codes_are_the_same() -> None:
    folder = files("flowc.diagnostics") / "explain"
    pages = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".md"))
    assert pages == [f"{code.number}.md" for code in CODES]


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.number)
def test_form_of_a_page(code: Code) -> None:
    page = explain(code.number)
    assert page is not None
    assert page.text.startswith(f"# {code.number}: {code.title}\n\n## ")
    assert page.title == code.title
    assert tuple(page.sections) == HEADINGS
    assert all(page.sections.values())
    assert page.text.endswith("\n") and not page.text.endswith("\n\n")


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.number)
def test_related_codes_exist(code: Code) -> None:
    page = explain(code.number)
    assert page is not None
    lines = page.sections["Related"].splitlines()
    for line in lines:
        match = re.fullmatch(r"- \[(FC\d{3})\]\(\1\.md\): (.+)", line)
        assert match, line
        other = codes.find(match[1])
        assert other is not None and other.title == match[2] and other != code


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.number)
def test_examples(code: Code) -> None:
    page = explain(code.number)
    assert page is not None
    if code.number in WITHOUT_EXAMPLE:
        assert page.failing is None and page.corrected is None
        return
    assert page.failing is not None and page.corrected is not None
    assert page.failing != page.corrected
    assert "flow.yaml" in page.failing.files
    for example, fails in ((page.failing, code.number in READING), (page.corrected, False)):
        found = Diagnostics()
        for name, text in example.files.items():
            read(text, name, found)
        assert {d.code.number for d in found} == ({code.number} if fails else set())


def test_find_is_lenient() -> None:
    assert explain("fc201") == explain("201") == explain("FC201") is not None
    assert explain("FC999") is None
    assert explain("../FC201") is None


def test_corrected_takes_over_what_it_does_not_say() -> None:
    page = parse_page(
        "FC001",
        "# FC001: t\n\n## Example\n\n```yaml a.yaml\na: 1\n```\n```yaml b.yaml\nb: 1\n```\n"
        "```console\n$ flowc check 'a b' --target argo\nwhat it prints\n```\n"
        "## Corrected\n\n```yaml b.yaml\nb: 2\n```\n",
    )
    assert page.failing is not None and page.corrected is not None
    assert page.failing.command == ("check", "a b", "--target", "argo")
    assert page.corrected.files == {"a.yaml": "a: 1\n", "b.yaml": "b: 2\n"}
    assert page.corrected.command == page.failing.command


def test_a_command_is_flowc() -> None:
    with pytest.raises(ValueError):
        parse_page("FC001", "# FC001: t\n\n## Example\n\n```console\n$ rm -r x\n```\n")


def test_numbers_are_unique_and_well_formed() -> None:
    with pytest.raises(RuntimeError):
        codes._code("FC103", "again")
    with pytest.raises(RuntimeError):
        codes._code("FC1", "short")
    assert [code.number for code in CODES] == sorted({code.number for code in CODES})
