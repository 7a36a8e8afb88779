"""The look of diagnostics, in all three forms."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from flowc.diagnostics import CompileError, Diagnostics, Severity, Span, codes
from flowc.diagnostics.render import (
    render_github,
    render_human,
    render_json_lines,
    summary,
    to_json_object,
    use_colour,
)

FLOW = dedent("""\
    schema: flowc/v1
    name: hello
    steps:
      - id: embed
        component: /ml/embed
      - id: rank
        component: /ml/rank
        needs: [embde]
    """)
STACK = dedent("""\
    plugins:
      gpu: {type: stepflow, resources: {gpu: 1}}
      other: {type: builtin}
    """)
TEXTS = {"flow.yaml": FLOW, "stack.yaml": STACK}


def human(found: Diagnostics, texts: dict[str, str] | None = None, colour: bool = False) -> str:
    return render_human(found.sorted(), TEXTS if texts is None else texts, colour=colour)


def unknown_step() -> Diagnostics:
    found = Diagnostics()
    found.report(
        codes.UNKNOWN_STEP,
        "step `rank` needs `embde`, which is not a step of this flow",
        Span("flow.yaml", 8, 13, 5),
        label="no step has this id",
        hint="write `embed`",
        secondary=[(Span("flow.yaml", 4, 9, 5), "did you mean this one?")],
    )
    return found


def test_the_look() -> None:
    assert human(unknown_step()) == dedent("""\
        error[FC201]: step `rank` needs `embde`, which is not a step of this flow
          --> flow.yaml:8:13
          |
        4 |   - id: embed
          |         ----- did you mean this one?
        ...
        8 |     needs: [embde]
          |             ^^^^^ no step has this id
          |
          = help: write `embed`; run `flowc explain FC201` for more

        1 error in flow.yaml
        """)


def test_two_files_and_notes() -> None:
    found = Diagnostics()
    found.report(
        codes.RESOURCE_EXCEEDED,
        "step `embed` requires 2 GPUs",
        Span("flow.yaml", 5, 16, 9),
        label="served by `gpu`",
        secondary=[
            (Span("stack.yaml", 2, 36, 8), "has 1"),
            (Span("flow.yaml", 4, 9, 5), "the step"),
            (Span("stack.yaml", 9, 1), "a line that the file does not have"),
            (None, "dropped"),
        ],
        notes=["one", "two\nlines"],
    )
    found.report(codes.NEVER_SKIPPED, "`onSkip` has no effect", Span("stack.yaml", 3, 3, 5))
    assert human(found) == dedent("""\
        error[FC305]: step `embed` requires 2 GPUs
          --> flow.yaml:5:16
          |
        4 |   - id: embed
          |         ----- the step
        5 |     component: /ml/embed
          |                ^^^^^^^^^ served by `gpu`
          ::: stack.yaml:2:36
          |
        2 |   gpu: {type: stepflow, resources: {gpu: 1}}
          |                                    -------- has 1
          |
          = note: one
          = note: two
                  lines
          = help: run `flowc explain FC305` for more

        warning[FC210]: `onSkip` has no effect
          --> stack.yaml:3:3
          |
        3 |   other: {type: builtin}
          |   ^^^^^
          |
          = help: run `flowc explain FC210` for more

        1 error, 1 warning in flow.yaml, stack.yaml
        """)


def test_line_numbers_are_aligned() -> None:
    text = "\n".join(f"k{n}: {n}" for n in range(1, 1200))
    found = Diagnostics()
    found.report(
        codes.DUPLICATE_KEY,
        "duplicate key",
        Span("f.yaml", 1000, 1, 5),
        secondary=[(Span("f.yaml", 998, 1, 4), "first"), (Span("f.yaml", 7, 1, 2), "x")],
    )
    assert human(found, {"f.yaml": text}) == dedent("""\
        error[FC103]: duplicate key
            --> f.yaml:1000:1
             |
           7 | k7: 7
             | -- x
        ...
         998 | k998: 998
             | ---- first
         999 | k999: 999
        1000 | k1000: 1000
             | ^^^^^
             |
             = help: run `flowc explain FC103` for more

        1 error in f.yaml
        """)


def test_several_labels_on_one_line() -> None:
    found = Diagnostics()
    found.report(
        codes.CONTRADICTORY_KEYS,
        "`a` beside `b`",
        Span("f.yaml", 1, 7, 1),
        label="this",
        secondary=[(Span("f.yaml", 1, 1, 1), "and this")],
    )
    assert human(found, {"f.yaml": "a: 1, b: 2"}).splitlines()[3:6] == [
        "1 | a: 1, b: 2",
        "  |       ^ this",
        "  | - and this",
    ]


def test_wide_characters_tabs_and_ends_of_lines() -> None:
    found = Diagnostics()
    found.report(codes.NUMBER, "m", Span("f.yaml", 1, 8, 2), label="x")
    found.report(codes.NUMBER, "m", Span("f.yaml", 2, 3, 99), label="runs over the end")
    found.report(codes.NUMBER, "m", Span("f.yaml", 3, 3), label="behind the end")
    lines = human(found, {"f.yaml": "日本: ü\u0301 é6\n\tq: 7\r\na:\n"}).splitlines()
    assert lines[3:5] == ["1 | 日本: ü\u0301 é6", "  |         ^^ x"]
    assert lines[11:13] == ["2 |     q: 7", "  |      ^^^ runs over the end"]
    assert lines[19:21] == ["3 | a:", "  |   ^ behind the end"]


@pytest.mark.parametrize(
    ("column", "start", "end"),
    [(1, "ab0000000", "..."), (152, "...", "..."), (303, "...", "b0")],
)
def test_long_lines_are_clipped_around_the_caret(column: int, start: str, end: str) -> None:
    text = "".join(f"ab{n:07}" for n in range(33)) + "ab0"
    assert len(text) == 300
    found = Diagnostics()
    at = min(column, 299)
    found.report(codes.NUMBER, "m", Span("f.yaml", 1, at, 2), label="here")
    line, carets = human(found, {"f.yaml": text}).splitlines()[3:5]
    line, carets = line.removeprefix("1 | "), carets.removeprefix("  | ")
    assert len(line) == 100 and line.startswith(start) and line.endswith(end)
    first = carets.index("^")
    assert carets == " " * first + "^^ here"
    assert line[first : first + 2] == text[at - 1 : at + 1]


def test_far_labels_on_one_long_line() -> None:
    text = "a: 1, " + "x" * 300 + ", b: 2"
    found = Diagnostics()
    found.report(codes.NUMBER, "m", Span("f.yaml", 1, 309), secondary=[(Span("f.yaml", 1, 1), "a")])
    lines = human(found, {"f.yaml": text}).splitlines()
    assert lines[3].endswith("xxx, b: 2") and lines[4].index("^") == lines[3].index("b: 2")
    assert lines[5].startswith("1 | a: 1, xxx") and lines[6] == "  | - a"


def test_without_a_text_or_a_place() -> None:
    found = Diagnostics()
    found.report(codes.FILE_NOT_READABLE, "`x` is not there", None, hint="create it")
    found.report(codes.NUMBER, "m", Span("other.yaml", 3, 4), label="here")
    assert human(found) == dedent("""\
        error[FC003]: `x` is not there
          = help: create it; run `flowc explain FC003` for more

        error[FC110]: m
          --> other.yaml:3:4: here
          = help: run `flowc explain FC110` for more

        2 errors in other.yaml
        """)


def test_nothing_found() -> None:
    assert human(Diagnostics()) == ""
    assert render_json_lines([]) == render_github([]) == ""


def test_what_files_hold_cannot_steer_a_terminal() -> None:
    found = Diagnostics()
    found.report(
        codes.UNKNOWN_KEY,
        "unknown key `\x1b[31m\u202e`",
        Span("f\x1b.yaml", 1, 1),
        label="\x07",
        hint="write `\x9b`",
    )
    text = human(found, {"f\x1b.yaml": "\x1b[31m: \u202e1"})
    assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert "unknown key `\\x1b[31m\\u202e`" in text


def test_colour() -> None:
    text = human(unknown_step(), colour=True)
    assert text.startswith("\x1b[1;31merror[FC201]\x1b[0m\x1b[1m: step")
    assert "\x1b[1;31m            ^^^^^ no step has this id\x1b[0m" in text
    plain = text
    for sequence in ("\x1b[1;31m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"):
        plain = plain.replace(sequence, "")
    assert plain == human(unknown_step())


@pytest.mark.parametrize(
    ("terminal", "environment", "expected"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_when_to_colour(terminal: bool, environment: dict[str, str], expected: bool) -> None:
    assert use_colour(terminal, environment) is expected


def test_json() -> None:
    (line,) = render_json_lines(unknown_step()).splitlines()
    assert json.loads(line) == {
        "code": "FC201",
        "severity": "error",
        "message": "step `rank` needs `embde`, which is not a step of this flow",
        "file": "flow.yaml",
        "line": 8,
        "column": 13,
        "endColumn": 18,
        "label": "no step has this id",
        "hint": "write `embed`",
        "notes": [],
        "secondary": [
            {
                "file": "flow.yaml",
                "line": 4,
                "column": 9,
                "endColumn": 14,
                "label": "did you mean this one?",
            }
        ],
    }


def test_json_without_a_place() -> None:
    found = Diagnostics()
    found.report(codes.PARALLELISM_LOST, "m", None, notes=["n"])
    (diagnostic,) = found
    assert to_json_object(diagnostic) == {
        "code": "FC520", "severity": "note", "message": "m", "file": None, "line": None,
        "column": None, "endColumn": None, "label": None, "hint": None, "notes": ["n"],
        "secondary": [],
    }  # fmt: skip


def test_github() -> None:
    found = Diagnostics()
    found.report(
        codes.UNKNOWN_KEY, "100% wrong: a, b", Span("a,b:c.yaml", 2, 3, 4), notes=["x\r\ny: z, %"]
    )
    found.report(codes.UNREACHABLE_STEP, "w", Span("f.yaml", 1, 1), label="l", hint="h")
    found.report(codes.DEMAND_WIDENED, "n", None)
    assert render_github(found) == (
        "::error file=a%2Cb%3Ac.yaml,line=2,col=3,endColumn=7,"
        "title=FC104 100%25 wrong%3A a%2C b::100%25 wrong: a, b%0Ax%0D%0Ay: z, %25\n"
        "::warning file=f.yaml,line=1,col=1,endColumn=2,title=FC205 w::l%0Ahelp: h\n"
        "::notice title=FC211 n::n\n"
    )


def test_summary() -> None:
    found = Diagnostics()
    for _ in range(2):
        found.report(codes.UNKNOWN_KEY, "m", Span("b.yaml", 1, 1))
    found.report(codes.UNKNOWN_KEY, "m", Span("a.yaml", 1, 1), severity=Severity.WARNING)
    found.report(codes.DEMAND_WIDENED, "m", None)
    assert summary(map(to_json_object, found)) == "2 errors, 1 warning, 1 note in b.yaml, a.yaml"


def test_sorted_once_each_and_the_barrier() -> None:
    found = Diagnostics()
    found.report(codes.DEMAND_WIDENED, "note", Span("f", 9, 1))
    found.raise_errors()
    found.report(codes.UNKNOWN_KEY, "m", Span("f", 2, 1))
    found.report(codes.UNKNOWN_KEY, "m", Span("f", 2, 1))
    found.report(codes.NUMBER, "m", Span("f", 1, 5))
    found.report(codes.FILE_NOT_READABLE, "m", None)
    numbers = [d.code.number for d in found.sorted()]
    assert numbers == ["FC003", "FC110", "FC104", "FC211"]
    with pytest.raises(CompileError) as raised:
        found.raise_errors()
    assert [d.code.number for d in raised.value.diagnostics] == numbers
