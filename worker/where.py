"""The where language: a small, safe expression that says which articles are wanted.

    language == "fr" and "economy" in topics
    source.domain in ("example.org", "example.com") and word_count > 300
    not duplicate and "FR" in places.country

Names are the fields of the event's data (`jobs.article.Article`); dots go into objects, and through a list of
objects to the list of what each has there. There are comparisons, ``in``, ``and``, ``or``, ``not`` and
literals. Nothing can be called, computed or assigned. It is evaluated by the library simpleeval, of whose
nodes only these are left.

What is null can't be compared: such a comparison is neither true nor false, and neither is what follows from
it (as in SQL), so that it selects nothing, whichever way one asks. ``x == null`` asks for null itself.
"""

from __future__ import annotations

import ast
import operator
import re
import threading
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, NoReturn, Union, cast, get_args, get_origin

from pydantic import BaseModel
from simpleeval import SimpleEval  # type: ignore[import-untyped]  # it has no types

from jobs.article import Article
from jobs.errors import PalmyraError
from jobs.event import Kind

MAX_CHARS = 2_000
MAX_NODES = 400
"""Parts of an expression: what it may cost for each event."""
MAX_DEPTH = 60
"""Levels of a tree that is walked recursively, for each event."""
_SHOWN = 60
_NAMED = ("name", "title", "text")
"""What objects in lists are called by."""
_WORD = re.compile(r"\w+")

Where = Callable[[Mapping[str, Any]], bool]
"""Whether an article (an event's ``data``) is wanted."""


class BadWhere(PalmyraError):
    """The expression can't be used; says what is wrong, and at which character."""

    def __init__(self, text: str, at: int, what: str) -> None:
        shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
        super().__init__(f"{what}, at character {at + 1} of: {shown}")
        self.at = at


class _Unknown:
    """Neither true nor false."""

    def __bool__(self) -> bool:
        return False


_UNKNOWN = _Unknown()


def compile_where(text: str) -> Where:
    """A predicate over articles, which never raises.

    Raises:
        BadWhere: the expression is none, is too large, or names a field that articles don't have.
    """
    tree = _parsed(text)
    _check_size(text, tree)
    _Checker(text).visit(tree)
    wanted = _Rewriter().visit(tree)
    mine = threading.local()  # an evaluator is dear to make, and holds the data that it looks at

    def holds(data: Mapping[str, Any]) -> bool:
        if not hasattr(mine, "evaluator"):
            mine.evaluator = _Evaluator()
        return bool(mine.evaluator.holds(wanted, data))

    return holds


def compile_event_where(text: str) -> Where:
    """The same over whole events. A withdrawal always passes: it says nothing any more that could be asked
    for, and whoever holds the article must hear of it.

    Raises:
        BadWhere: as `compile_where`.
    """
    wanted = compile_where(text)
    return lambda event: event.get("type") == Kind.WITHDRAWN.value or wanted(_mapping(event.get("data")))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


# -- reading it --------------------------------------------------------------------------------------------
def _parsed(text: str) -> ast.expr:
    if len(text) > MAX_CHARS:
        raise BadWhere(text, MAX_CHARS, f"the expression is longer than {MAX_CHARS} characters")
    if not text.strip():
        raise BadWhere(text, 0, "the expression is empty")
    line = re.sub(r"\s", " ", text)
    blanks = len(line) - len(line.lstrip())
    try:
        with warnings.catch_warnings():  # of odd escapes in strings and the like: no concern of the reader's
            warnings.simplefilter("ignore")
            # Python wants an expression to begin at the first character; a bracket may stand anywhere.
            return ast.parse(line if not blanks else f"({line[1:]})", mode="eval").body
    except SyntaxError as error:
        raise BadWhere(text, max(0, (error.offset or 1) - 1), _in_words(error)) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        raise BadWhere(text, 0, "the expression can't be read") from None


def _in_words(error: SyntaxError) -> str:
    if (error.msg or "").startswith("invalid syntax. Maybe you meant '=='"):
        return "write == to compare"
    return f"the expression can't be read ({error.msg or 'invalid syntax'})"


def _check_size(text: str, tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    nodes = 0
    for _ in range(MAX_DEPTH):
        nodes += len(level)
        level = [child for part in level for child in ast.iter_child_nodes(part)]
    if level:
        raise BadWhere(text, 0, f"the expression is nested more than {MAX_DEPTH // 2} deep or so")
    if nodes > MAX_NODES:
        raise BadWhere(text, 0, f"the expression has more than {MAX_NODES} parts")


_WORDS: dict[type[ast.AST], str] = {
    ast.Call: "nothing can be called",
    ast.Lambda: "nothing can be called",
    ast.BinOp: "nothing can be computed",
    ast.NamedExpr: "nothing can be assigned",
    ast.Subscript: "nothing can be picked by number or key: use a dot, or `in`",
    ast.JoinedStr: "strings can't be put together",
    ast.Is: "write == to compare",
    ast.IsNot: "write != to compare",
    ast.IfExp: "write `and`, `or` and `not` instead of `if`",
}
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)
_LITERALS = (str, int, float, bool, NoneType)
_CONSTANTS = {"null": None, "true": True, "false": False}


class _Checker(ast.NodeVisitor):
    """Raises BadWhere for whatever is not of the language."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _refuse(self, node: ast.AST, what: str) -> NoReturn:
        # Python counts bytes.
        before = self._text.encode(errors="replace")[: getattr(node, "col_offset", 0)]
        raise BadWhere(self._text, len(before.decode(errors="ignore")), what)

    def generic_visit(self, node: ast.AST) -> None:
        self._refuse(node, _WORDS.get(type(node), f"{type(node).__name__} can't be used"))

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._each(node.values)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not) or _is_number(node):
            self.visit(node.operand)
        else:
            self._refuse(node, "nothing can be computed")

    def visit_Compare(self, node: ast.Compare) -> None:
        for op in node.ops:
            if not isinstance(op, _COMPARISONS):
                self._refuse(node, _WORDS.get(type(op), "it can't be compared so"))
        self._each([node.left, *node.comparators])

    def visit_Constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, _LITERALS):
            self._refuse(node, f"{ast.unparse(node)[:20]} can't be used")

    def visit_List(self, node: ast.List) -> None:
        self._each(node.elts)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        self._each(node.elts)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id not in _CONSTANTS:
            self._field(node, (node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = _path(node)
        if path is None:
            self._refuse(node, "a dot goes into a field only, such as source.domain")
        self._field(node, path)

    def _each(self, nodes: list[ast.expr]) -> None:
        for node in nodes:
            self.visit(node)

    def _field(self, node: ast.expr, path: tuple[str, ...]) -> None:
        shape: Any = _fields(Article)
        for at, name in enumerate(path):
            if shape == {}:  # any name may be there
                return
            if shape is None:
                self._refuse(node, f"the field {'.'.join(path[:at])} holds no others")
            if name not in shape:
                written = ".".join(path[: at + 1])
                self._refuse(node, f"no field is called {written}{_suggestion(name, path[:at], shape)}")
            shape = shape[name]


def _is_number(node: ast.UnaryOp) -> bool:
    value = getattr(node.operand, "value", None)
    return isinstance(node.op, ast.USub) and type(value) in (int, float)


def _path(node: ast.expr) -> tuple[str, ...] | None:
    """``source.domain`` as its names; None for what is no field of a field."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return (node.id, *names) if isinstance(node, ast.Name) else None


def _suggestion(name: str, before: tuple[str, ...], shape: Mapping[str, Any]) -> str:
    near = get_close_matches(name.lower(), shape, n=1)
    if not near and not before:  # perhaps it lies inside of another one
        near = [f"{outer}.{name}" for outer, inner in shape.items() if inner and name in inner][:1]
    if near:
        return f" (did you mean {'.'.join((*before, near[0]))}?)"
    return f" (there are {', '.join(shape)})" if before else ""


@cache
def _fields(annotation: Hashable) -> dict[str, Any] | None:
    """The fields in what a model's field holds, those of the objects of a list; None for plain values, and
    nothing where any name may be there."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {
            name: _fields(cast("Hashable", field.annotation))
            for name, field in annotation.model_fields.items()
        }
    origin = get_origin(annotation)
    if origin is dict:
        return {}
    if origin in (Annotated, Union, UnionType, tuple, list):
        parts = get_args(annotation)[:1] if origin is Annotated else get_args(annotation)
        return next((found for part in parts if (found := _fields(part)) is not None), None)
    return None


class _Rewriter(ast.NodeTransformer):
    """``x == null`` becomes ``x is None``; null, true, false and negative numbers become constants."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_CONSTANTS[node.id]) if node.id in _CONSTANTS else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if _is_number(node) and isinstance(node.operand, ast.Constant):
            return ast.Constant(-node.operand.value)  # type: ignore[operator]  # it is a number
        self.generic_visit(node)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        sides = [node.left, *node.comparators]
        node.ops = [
            _asking_for_null(op) if _is_null(left) or _is_null(right) else op
            for op, left, right in zip(node.ops, sides, sides[1:], strict=False)
        ]
        return node


def _is_null(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _asking_for_null(op: ast.cmpop) -> ast.cmpop:
    return ast.Is() if isinstance(op, ast.Eq) else ast.IsNot() if isinstance(op, ast.NotEq) else op


# -- evaluating it -----------------------------------------------------------------------------------------
def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], object]:
    def decide(left: Any, right: Any) -> object:
        if left is None or right is None:
            return _UNKNOWN
        try:
            return compare(left, right)
        except (TypeError, RecursionError):  # a text with a number, say, or data without end
            return _UNKNOWN

    return decide


def _is_in(wanted: Any, where: Any) -> bool:
    """Whether it is part of a text or list; of objects, whether one has it as a value or word of its name."""
    if isinstance(wanted, str) and isinstance(where, list | tuple):
        return wanted in where or any(_is_called(one, wanted) for one in where if isinstance(one, Mapping))
    return bool(wanted in where)


def _is_called(thing: Mapping[str, Any], wanted: str) -> bool:
    texts = [value for value in thing.values() if isinstance(value, str)]
    name = next((thing[key] for key in _NAMED if isinstance(thing.get(key), str)), "")
    words = " ".join(_WORD.findall(name))
    return wanted in texts or (bool(wanted.strip()) and f" {wanted} " in f" {words} ")


def _negated(value: Any) -> object:
    return _UNKNOWN if value is _UNKNOWN else not value


_OPERATORS: dict[type[ast.AST], Callable[..., object]] = {
    ast.Eq: _compared(operator.eq),
    ast.NotEq: _compared(operator.ne),
    ast.Lt: _compared(operator.lt),
    ast.LtE: _compared(operator.le),
    ast.Gt: _compared(operator.gt),
    ast.GtE: _compared(operator.ge),
    ast.In: _compared(lambda left, right: _is_in(left, right)),
    ast.NotIn: _compared(lambda left, right: not _is_in(left, right)),
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.Not: _negated,
}


class _Evaluator(SimpleEval):  # type: ignore[misc]  # it has no types
    """simpleeval with the nodes of our language alone, over plain data."""

    def __init__(self) -> None:
        super().__init__(operators=_OPERATORS, functions={}, names={})
        self.nodes = {
            ast.Constant: self._eval_constant,
            ast.Name: lambda node: self.names.get(node.id),
            ast.Attribute: lambda node: _inside(self._eval(node.value), node.attr),
            ast.List: lambda node: [self._eval(part) for part in node.elts],
            ast.Tuple: lambda node: [self._eval(part) for part in node.elts],
            ast.UnaryOp: self._eval_unaryop,
            ast.Compare: self._eval_compare,
            ast.BoolOp: self._decided,
        }

    def holds(self, wanted: ast.expr, data: Mapping[str, Any]) -> object:
        """What the expression comes to for this article."""
        self.names = data
        return self._eval(wanted)

    def _check_disallowed_items(self, item: object) -> None:
        """Nothing: only plain data comes in, and it may be deeper than Python's stack."""

    def _decided(self, node: ast.BoolOp) -> object:
        """Of ``and`` and ``or``: what is unknown counts only where the others do not decide."""
        decides = isinstance(node.op, ast.Or)
        unknown = False
        for part in self._values(node):
            if part is _UNKNOWN:
                unknown = True
            elif bool(part) is decides:
                return decides
        return _UNKNOWN if unknown else not decides

    def _values(self, node: ast.BoolOp) -> Iterator[object]:
        return (self._eval(part) for part in node.values)


def _inside(value: Any, name: str) -> Any:
    """What an object has under this name; of a list, what each of its objects has. Never an attribute."""
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, list | tuple):
        return [one.get(name) for one in value if isinstance(one, Mapping)]
    return None
