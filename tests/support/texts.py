"""The words of the window, read out of its source: what a translator gets, and what no translator would ever see.

`python -m tests.support.texts > marina.ts` writes the file that Qt Linguist opens. Pure but for reading the source.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from engine.settings import Settings
from gui import words

if TYPE_CHECKING:
    from collections.abc import Iterator

GUI = Path(__file__).resolve().parents[2] / "gui"
# Calls whose words people read.
SHOWN = {
    *("setText", "setWindowTitle", "setToolTip", "setPlaceholderText", "setAccessibleName", "setAccessibleDescription"),
    *("setStatusTip", "setTitle", "setSuffix", "setPrefix", "setSpecialValueText", "setHeaderLabels", "setToolTip"),
    *("addAction", "addMenu", "addTab", "addRow", "addItem", "addItems", "insertTab", "setTabText"),
    *("show_error", "show_note", "tell", "showMessage", "drawText"),
    *("Label", "Caption", "Button", "QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QGroupBox"),
    *("QAction", "QMenu", "QTableWidgetItem", "QListWidgetItem"),
}
TRANSLATING = {"tr", "counted", "translate"}
JOINING = {"join", "format"}
LETTERS = re.compile(r"[^\W\d_]{2,}")
# Names and words of the protocol, the same in every language.
NAMES = {"Marina", "curl", "true", "false", "http", "default", "POST"}
# What `tr` is given elsewhere than in a literal; each is a text that `from_values` knows.
VALUES = set(words.VALUES) | {
    text for setting in Settings.declared().values() for text in (setting.help, setting.unit) if text
}


class Text(NamedTuple):
    """One text; `counts` when its words follow a number."""

    text: str
    counts: bool
    place: str


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Each module of the window with its name."""
    for path in sorted(GUI.rglob("*.py")):
        yield str(path.relative_to(GUI)), ast.parse(path.read_text(encoding="utf-8"))


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield _name(node), node


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def texts() -> Iterator[Text]:
    """Every text that is translated: literals given to `tr` and `counted`, titles of columns, and `VALUES`."""
    for name, tree in modules():
        for called, call in _calls(tree):
            place = f"{name}:{call.lineno}"
            if called == "tr":
                yield from (Text(text, counts=False, place=place) for text in _literals(call.args[:1]))
            elif called == "counted":
                yield from (Text(text, counts=True, place=place) for text in _literals(call.args[1:3]))
            elif called == "Column":
                words = [*call.args[:1], *(given.value for given in call.keywords if given.arg == "tip")]
                yield from (Text(text, counts=False, place=place) for text in _literals(words) if text)
    yield from (Text(text, counts=False, place="values") for text in sorted(VALUES))


def _literals(arguments: list[ast.expr]) -> Iterator[str]:
    for argument in arguments:
        for choice in (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,):
            if isinstance(choice, ast.Constant) and isinstance(choice.value, str):
                yield choice.value
            else:
                yield from constants().get(ast.unparse(choice).partition("[")[0], ())


@cache
def constants() -> dict[str, list[str]]:
    """The texts that constants of modules hold, alone or in a row, by the constant's name."""
    found: dict[str, list[str]] = {}
    for _, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(name := node.targets[0], ast.Name) and name.id.isupper():
                held = node.value.elts if isinstance(node.value, ast.Tuple | ast.List) else [node.value]
                words = [one.value for one in held if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                found.setdefault(name.id, []).extend(words)
    return found


def not_literal() -> Iterator[tuple[str, str]]:
    """Module and source of everything given to `tr` and `counted` that cannot be read out of the source."""
    for name, tree in modules():
        for called, call in _calls(tree):
            for argument in {"tr": call.args[:1], "counted": call.args[1:3]}.get(called, []):
                if not list(_literals([argument])):
                    yield name, ast.unparse(argument)


def untranslated() -> Iterator[str]:
    """Words that are shown and were never given to `tr`, with their place."""
    for name, tree in modules():
        for called, call in _calls(tree):
            if called in SHOWN:
                for argument in [*call.args, *(word.value for word in call.keywords if word.arg == "text")]:
                    for word in _words(argument):
                        yield f"{name}:{call.lineno}: {word!r}"


def _words(node: ast.expr) -> Iterator[str]:
    """The words in an expression that are not on their way through a translation."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and any(word not in NAMES for word in LETTERS.findall(node.value)):
            yield node.value
    elif isinstance(node, ast.Call):
        if _name(node) in JOINING and isinstance(node.func, ast.Attribute):
            for part in (node.func.value, *node.args, *(word.value for word in node.keywords)):
                yield from _words(part)
    elif isinstance(node, ast.JoinedStr | ast.BinOp | ast.IfExp | ast.Tuple | ast.List | ast.BoolOp):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and child is not getattr(node, "test", None):
                yield from _words(child)


HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n<TS version="2.1">\n<context>\n    <name>Marina</name>'
TAIL = "</context>\n</TS>\n"


def linguist() -> str:
    """The texts as a file for Qt Linguist, all in the context that `gui.words.tr` asks for."""
    seen = {text.text: text for text in texts()}
    return "\n".join([HEAD, *(_message(text) for text in seen.values()), TAIL])


def _message(text: Text) -> str:
    attribute, forms = (' numerus="yes"', "<numerusform></numerusform>") if text.counts else ("", "")
    return (
        f'    <message{attribute}>\n        <location filename="{text.place}"/>\n'
        f"        <source>{escape(text.text)}</source>\n"
        f'        <translation type="unfinished">{forms}</translation>\n    </message>'
    )


if __name__ == "__main__":
    sys.stdout.write(linguist())
