"""Finds texts for people that no translation can reach, by reading the sources."""

import ast
import re

from lxml import etree

ERRORS = {"AccessError", "MissingError", "RedirectWarning", "UserError"}
ERRORS |= {"ValidationError"}
# What is handed over under these names is read by somebody.
TOLD = {"body", "cause", "message", "next_step", "note", "reason", "subject"}
TOLD |= {"summary", "title", "question", "advice"}
_WORDS = re.compile(r"[A-Za-z]{2,}[ ,.:]|[A-Z][a-z]{2,}")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_CLASSES = re.compile(r"(fw|fs|text|bg|btn|badge|d|m[a-z]?|p[a-z]?)-[a-z0-9-]+( |$)")
_SHOWN = re.compile(r"t-attf?-(title|aria-label|alt|placeholder|string)$")
_PRINTED = ("t-esc", "t-out", "t-value")
_SCRIPT_TEXT = re.compile(
    r"""\b(?:title|message|label|placeholder|description)\s*:\s*(["'`])(.*?)\1"""
)
_SCRIPT_DYNAMIC = re.compile(r"""\b_t\(\s*(?!["'])\S""")


def in_python(source):
    """Return [(line, what is wrong)] of one module's source."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found += _in_call(node)
        elif isinstance(node, ast.Dict):
            found += _in_dict(node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            sides = (node.left, node.right)
            if any(map(_is_gettext, sides)) and all(map(_is_worded, sides)):
                found.append((node.lineno, "halves of a sentence are put together"))
        elif isinstance(node, ast.Subscript) and _is_raw_choice(node.value):
            found.append((node.lineno, "a choice's label as it stands in the code"))
        elif isinstance(node, ast.JoinedStr):
            found += _in_f_string(node)
    return sorted(found)


def in_view(text):
    """Return [(line, what is wrong)] of one file of views or templates."""
    found = []
    for node in etree.fromstring(text.encode()).iter(etree.Element):
        for name, value in node.attrib.items():
            if name.startswith("t-attf-") and _SHOWN.match(name):
                literal = re.sub(r"\{\{.*?\}\}|#\{.*?\}", "", value)
                if _WORDS.search(literal):
                    found.append((node.sourceline, f"{name} says {literal!r}"))
            elif name in _PRINTED or _SHOWN.match(name):
                for quoted in map("".join, _QUOTED.findall(value)):
                    if _WORDS.search(quoted) and not _CLASSES.match(quoted):
                        found.append((node.sourceline, f"{name} says {value!r}"))
    return found


def in_script(source):
    """Return [(line, what is wrong)] of one script of the browser's."""
    found = []
    for number, line in enumerate(source.splitlines(), 1):
        for _quote, text in _SCRIPT_TEXT.findall(line):
            if _WORDS.search(text):
                found.append((number, f"{text!r} is not in _t()"))
        if _SCRIPT_DYNAMIC.search(line):
            found.append((number, "_t() of something else than a text"))
    return found


def _in_call(node):
    name = _name(node.func)
    if name in ("_", "_lt"):
        if not node.args or not _is_text(node.args[0]):
            return [(node.lineno, "_() of something else than a text")]
        return []
    found = []
    if name in ERRORS and node.args and _is_raw(node.args[0]):
        found.append((node.lineno, f"{name} of a text without _()"))
    for keyword in node.keywords:
        if keyword.arg in TOLD and _is_raw(keyword.value):
            found.append((node.lineno, f"{keyword.arg}= of a text without _()"))
    return found


def _in_dict(node):
    keys = {
        key.value: value
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant)
    }
    told = set(TOLD)
    if "res_model" in keys or "tag" in keys:
        told.add("name")
    return [
        (value.lineno, f"{key!r} is a text without _()")
        for key, value in keys.items()
        if key in told and _is_raw(value)
    ]


def _in_f_string(node):
    parts = [p.value for p in node.values if isinstance(p, ast.FormattedValue)]
    literal = "".join(p.value for p in node.values if isinstance(p, ast.Constant))
    if any(map(_is_gettext, parts)) and _WORDS.search(literal):
        return [(node.lineno, "words stand around a translated text")]
    return []


def _name(func):
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _is_raw_choice(node):
    """Return whether this is ``dict(STATES)``: labels in no language but one."""
    return (
        isinstance(node, ast.Call)
        and _name(node.func) == "dict"
        and len(node.args) == 1
        and isinstance(node.args[0], ast.Name)
        and node.args[0].id.isupper()
    )


def _is_gettext(node):
    return isinstance(node, ast.Call) and _name(node.func) in ("_", "_lt")


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_worded(node):
    return _is_gettext(node) or _is_raw(node)


def _is_raw(node):
    """Return whether this is words as they stand, in no language but one."""
    if _is_text(node):
        return bool(_WORDS.search(node.value))
    if isinstance(node, ast.JoinedStr):
        return any(_is_raw(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _is_raw(node.left) or _is_raw(node.right)
    if isinstance(node, ast.IfExp):
        return _is_raw(node.body) or _is_raw(node.orelse)
    if isinstance(node, ast.BoolOp):
        return any(map(_is_raw, node.values))
    return False
