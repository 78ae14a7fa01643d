"""`--where`: a small, safe expression over an event's data."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import typer

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip

MAX_DEPTH = 60
"""Levels of a tree that is walked recursively, for each event."""


def compile_where(text: str | None) -> Callable[[Mapping[str, Any]], bool]:
    """A predicate from an expression such as ``language == 'de' and 'AFP' in authors``.

    Names are fields of the event's data, dots go into objects; comparisons, ``in``, ``and``, ``or`` and
    ``not`` combine them. Nothing can be called. What is absent or can't be compared does not match.

    Raises:
        typer.BadParameter: the expression has something else in it.
    """
    if text is None:
        return lambda data: True
    try:
        with warnings.catch_warnings():  # of odd escapes in strings and the like: no concern of the reader's
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval").body
        _check(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint="--where") from None
    return lambda data: _holds(tree, data)


def _check(node: ast.AST) -> None:
    allowed: tuple[type[ast.AST], ...] = (
        ast.BoolOp,
        ast.And,
        ast.Or,
        ast.UnaryOp,
        ast.Not,
        ast.Compare,
        ast.Name,
        ast.Attribute,
        ast.Load,
    )
    allowed += (ast.Constant, ast.List, ast.Tuple, *_COMPARE)
    level = [node]
    for _ in range(MAX_DEPTH):
        for part in level:
            if not isinstance(part, allowed):
                raise ValueError(f"{type(part).__name__} can't be used here")
        level = [child for part in level for child in ast.iter_child_nodes(part)]
    if level:
        raise ValueError("it is nested too deeply")


def _holds(tree: ast.expr, data: Mapping[str, Any]) -> bool:
    try:
        return bool(_value(tree, data))
    except TypeError:
        return False


def _value(node: ast.AST, data: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return data.get(node.id)
        case ast.Attribute():
            inner = _value(node.value, data)
            return inner.get(node.attr) if isinstance(inner, Mapping) else None
        case ast.List() | ast.Tuple():
            return [_value(part, data) for part in node.elts]
        case ast.UnaryOp():
            return not _value(node.operand, data)
        case ast.BoolOp(op=ast.And()):
            return all(_holds(part, data) for part in node.values)
        case ast.BoolOp():
            return any(_holds(part, data) for part in node.values)
        case ast.Compare():
            return _compared(node, data)
    raise TypeError(type(node).__name__)


def _compared(node: ast.Compare, data: Mapping[str, Any]) -> bool:
    left = _value(node.left, data)
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = _value(right_node, data)
        if not _COMPARE[type(op)](left, right):
            return False
        left = right
    return True
