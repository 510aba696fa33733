"""Shopify's own schema, cut down to what a set of documents may name.

The whole of it takes seconds to build. A document can only name types and fields by
their names, so that the fields which no document names may be left out: a document is
valid against what is left exactly when it is valid against the whole.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

try:
    import graphql
except ImportError:
    graphql = None

package = importlib.import_module(__package__.rpartition(".")[0])

SCHEMA = (
    Path(__file__).parents[2].parent / "shared/contracts/shopify/admin_2026-07.graphql"
)
REASON = "Shopify's schema is not beside this repository, or graphql-core is missing"

_DESCRIPTION = re.compile(r'"""[\s\S]*?"""')
_DEFINITION = re.compile(
    r"^(?:type|interface|input|enum|union|scalar|directive) @?(\w+)", re.MULTILINE
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_WITH_FIELDS = ("object_type_definition", "interface_type_definition")
_ROOTS = {"query": "QueryRoot", "mutation": "Mutation"}


def is_there() -> bool:
    """Tell whether documents can be validated here."""
    return graphql is not None and SCHEMA.is_file()


@cache
def documents() -> dict[str, str]:
    """Return every GraphQL document of the connector by module and constant."""
    found = {}
    prefix = package.__name__
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("shopify"):
            continue
        loaded = importlib.import_module(f"{prefix}.{module.name}")
        for name, value in inspect.getmembers(loaded):
            is_document = isinstance(value, str) and value.lstrip().startswith(
                ("query ", "mutation ")
            )
            if is_document and name.isupper():
                found[f"{module.name}.{name}"] = value
    return found


@cache
def _definitions() -> dict[str, str]:
    text = _DESCRIPTION.sub("", SCHEMA.read_text("utf-8"))
    starts = [(match.start(), match[1]) for match in _DEFINITION.finditer(text)]
    ends = [start for start, _name in starts[1:]] + [len(text)]
    return {
        name: text[start:end] for (start, name), end in zip(starts, ends, strict=True)
    }


@cache
def schema(named: frozenset[str]) -> Any:
    """Return the part of the schema that documents with these names may reach."""
    texts = _definitions()
    kept: dict[str, Any] = {}
    # Directives name the scalars and inputs of their arguments.
    waiting = [*_ROOTS.values()]
    waiting += [name for name, text in texts.items() if text.startswith("directive")]
    while waiting:
        name = waiting.pop()
        if name in kept or name not in texts:
            continue
        [node] = graphql.parse(texts[name], no_location=True).definitions
        if node.kind in _WITH_FIELDS:
            # An object without any field cannot be built.
            fields = [field for field in node.fields if field.name.value in named]
            node = replace(node, fields=tuple(fields or node.fields[:1]))
        kept[name] = node
        waiting += _mentioned(node)
        waiting += named & texts.keys()
    roots = " ".join(f"{kind}: {name}" for kind, name in _ROOTS.items())
    [head] = graphql.parse(f"schema {{ {roots} }}", no_location=True).definitions
    document = graphql.DocumentNode(definitions=(head, *kept.values()))
    return graphql.build_ast_schema(document, assume_valid=True)


def _mentioned(node: Any) -> Iterable[str]:
    """Return the names of the types a definition speaks of."""
    found: set[str] = set()

    class Visitor(graphql.Visitor):
        def enter_named_type(self, named: Any, *_args: object) -> None:
            found.add(named.name.value)

    graphql.visit(node, Visitor())
    return found


def names_in(texts: Iterable[str]) -> frozenset[str]:
    """Return every word of some documents."""
    return frozenset(word for text in texts for word in _NAME.findall(text))


def problems(text: str, beside: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with a document, by Shopify's schema.

    :param beside: documents of the same run, so that one schema serves all.
    """
    found = schema(names_in((text, *beside)) | names_in(documents().values()))
    return [error.message for error in graphql.validate(found, graphql.parse(text))]


def cost(text: str) -> int:
    """Return what a document asks for at most, by Shopify's published rules.

    An object is a point, a connection two and its content as often as it may come, a
    mutation ten. A list without a size is counted as one.
    """
    found = schema(names_in(documents().values()) | names_in((text,)))
    [operation] = graphql.parse(text).definitions
    if operation.operation.value == "mutation":
        return 10 + _cost_of(found, found.mutation_type, operation.selection_set)
    return _cost_of(found, found.query_type, operation.selection_set)


def _cost_of(found: Any, parent: Any, selections: Any) -> int:
    points = 0
    branches = []
    for node in selections.selections:
        if node.kind == "inline_fragment":
            inner = found.get_type(node.type_condition.name.value)
            branches.append(_cost_of(found, inner, node.selection_set))
        elif node.selection_set:
            kind = graphql.get_named_type(parent.fields[node.name.value].type)
            inside = _cost_of(found, kind, node.selection_set)
            sizes = [_size(a) for a in node.arguments or () if a.name.value == "first"]
            if kind.name.endswith("Connection"):
                points += 2 + sizes[0] * inside
            elif sizes:
                points += sizes[0] * (1 + inside)
            elif kind.name != "PageInfo":
                points += 1 + inside
    return points + max(branches, default=0)


def _size(argument: Any) -> int:
    value = getattr(argument.value, "value", None)
    return int(value) if value is not None else 100
