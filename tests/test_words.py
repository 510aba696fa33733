"""What people read is written for a clerk: plain, the same word for the same thing."""

import ast
import re
from pathlib import Path

import polib
from lxml import etree

from odoo.modules import get_module_path
from odoo.tests import BaseCase, TransactionCase, tagged

from . import template_export, untranslated

ROOT = Path(get_module_path(template_export.MODULE))
EMPTY = "o_view_nocontent_smiling_face"
# One word for one thing: what is not said, and what is said instead.
BANNED = {
    r"\bsync\w*": "publish, poll or read",
    r"\bSKU[ -]mapping": "map",
    r"(?<!^)\bmappings?\b": "map",
    r"\b(mismatch|discrepanc)\w*": "difference",
    r"\b(ticket|incident|issue)s?\b": "exception",
    r"\bstore ?front\w*": "shop",
    r"\badapters?\b|\bplug-?ins?\b": "connector",
    r"\bfulfilment\b": "fulfillment, shipment or delivery",
    r"\bback ?end\b|\bcron\b|\bqueue_job\b|\bRPC\b|\bORM\b": "scheduled action, Odoo",
    r"\bpayloads?\b": "message",
    r"\bboolean\b|\binteger\b|\bNULL\b|\btracebacks?\b": "plain words",
    r"\bplease\b|\boops\b|\bsorry\b": "what to do",
    r"\bInvalid\b": "what is wrong with it",
}
_SHORTENED = re.compile(r"\b(Qty|Uom|Url|Html|Json|Uuid|Idx|Seq)\b")
# Words of the trade that stand on few screens; where one is a label, a help explains.
TECHNICAL = re.compile(
    r"\b(lease|dedupe|idempotency|key|sequence|stale|sweep|fence|topic|cursor)\b", re.I
)
# Odoo's own labels of what our records are built on.
NOT_OURS = re.compile(r"SMS|delivery error|Icon to indicate|Website Messages")
_NAMED = re.compile(r"%\(\w+\)[a-z.0-9]*|%[sdg]|\{\{.*?\}\}|<[^>]*>|https?://\S+")
_IDENTIFIER = re.compile(r"\b[a-z]+_[a-z_]+\b|\b[a-z]+\.[a-z]+\.[a-z.]+\b")
# Settings of Odoo that administrators look for by exactly this name.
SETTINGS = {"web.base.url", "report.url", "ir.config_parameter"}


class TestErrors(BaseCase):
    """An error says what is wrong in a sentence, and never in the words of the code."""

    def errors(self):
        for folder in ("controllers", "models", "wizards"):
            for path in sorted((ROOT / folder).glob("*.py")):
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                        for text in _literal(node.exc):
                            yield f"{path.name}:{node.lineno}", text

    def test_they_are_sentences_in_plain_words(self):
        errors = list(self.errors())
        self.assertGreater(len(errors), 100)
        found = [
            (where, text)
            for where, text in errors
            if not re.search(r"[.?!:]\s*$|%(\(\w+\))?s$", text)
            or len(text) < 20
            or re.match(r"(Error|Invalid|Wrong|Failed)\b", text)
            or any(
                name not in SETTINGS
                for name in _IDENTIFIER.findall(_NAMED.sub("", text))
            )
        ]
        self.assertFalse(found, "\n".join(f"{w}: {t}" for w, t in found))


class TestTranslatable(BaseCase):
    """Nothing that people read stands outside what a translation reaches."""

    def test_python(self):
        self.check(("controllers", "models", "wizards"), ".py", untranslated.in_python)

    def test_views(self):
        folders = ("data", "security", "views", "wizards")
        self.check(folders, ".xml", untranslated.in_view)

    def test_scripts(self):
        self.check(("static/src",), ".js", untranslated.in_script)

    def test_it_would_be_found(self):
        for source in (
            "raise UserError('No such thing here.')",
            "raise ValidationError(f'No {thing} here.')",
            "self.env._(text)",
            "self.env._(f'No {thing}')",
            "x = self.env._('One half') + ' and the other.'",
            "x = f'{self.env._(\"One half\")} and more.'",
            "notify({'title': 'Done at last'})",
            "open(cause='It is broken.')",
            "x = dict(STATES)[record.state]",
        ):
            with self.subTest(source):
                self.assertEqual(len(untranslated.in_python(source)), 1)
        self.assertTrue(untranslated.in_view("<t t-esc=\"'No stock'\"/>"))
        self.assertTrue(untranslated.in_view('<a t-attf-title="Go to {{x}}"/>'))
        self.assertTrue(untranslated.in_script('const x = { title: "Go on" };'))
        self.assertTrue(untranslated.in_script("_t(`Go to ${x}`)"))

    def check(self, folders, suffix, finder):
        found = []
        looked = 0
        for folder in folders:
            for path in sorted((ROOT / folder).rglob(f"*{suffix}")):
                looked += 1
                for line, what in finder(path.read_text(encoding="utf-8")):
                    found.append(f"{path.relative_to(ROOT)}:{line}: {what}")
        self.assertTrue(looked)
        self.assertFalse(found, "\n".join(found))


@tagged("post_install", "-at_install")
class TestWords(TransactionCase):
    def test_one_word_for_one_thing(self):
        text = template_export.template_path().read_text(encoding="utf-8")
        found = [
            f"{entry.msgid!r}: say {instead}"
            for entry in polib.pofile(text)
            if not NOT_OURS.search(entry.msgid)
            for banned, instead in BANNED.items()
            if re.search(banned, _NAMED.sub("", entry.msgid), re.IGNORECASE)
        ]
        self.assertFalse(found, "\n".join(found))

    def test_every_empty_screen_says_what_would_be_there(self):
        rows = self.env["ir.model.data"].search(
            [
                ("module", "=", template_export.MODULE),
                ("model", "=", "ir.actions.act_window"),
            ]
        )
        actions = self.env["ir.actions.act_window"].browse(rows.mapped("res_id"))
        listed = actions.filtered(
            lambda action: action.target != "new" and action.view_mode != "form"
        )
        self.assertGreater(len(listed), 30)
        self.assertFalse(
            [action.xml_id for action in listed if EMPTY not in (action.help or "")]
        )

    def test_labels_and_helps(self):
        """A help says what happens: more than the label, and a sentence."""
        found = []
        for model, name in sorted(self.shown()):
            field = self.env[model]._fields[name]
            label, told = field.string, " ".join((field.help or "").split())
            plain = told.rstrip(".").lower()
            if told and (plain == label.lower() or not told.endswith((".", "?", ")"))):
                found.append(f"{model}.{name}: help {told!r} of {label!r}")
            if TECHNICAL.search(label) and not told:
                found.append(f"{model}.{name}: {label!r} needs a help")
            if re.search(r"_|(?<!Look)(?<!Looked) At$", label) or _SHORTENED.search(
                label
            ):
                found.append(f"{model}.{name}: {label!r} is no label")
        self.assertFalse(found, "\n".join(found))

    def shown(self):
        """Return (model, field) of all our fields that a view of ours shows."""
        found = set()
        for view in self.env["ir.ui.view"].search(
            [("model", "like", "stock.channel%")]
        ):
            if view.type != "search" and view.model in self.env:
                tree = etree.fromstring(view.arch_db.encode())
                self._collect(tree, self.env[view.model], found)
        return found

    def _collect(self, node, model, found):
        for child in node:
            below = model
            # A kanban's own fields are there for its cards' conditions.
            is_shown = child.tag == "field" and node.tag != "kanban"
            if is_shown and model is not None:
                field = model._fields.get(child.get("name"))
                is_named = child.get("string") or child.get("widget") == "handle"
                if field and not _is_hidden(child) and not is_named:
                    if template_export.MODULE in field._modules:
                        found.add((model._name, field.name))
                below = self.env.get(field.comodel_name) if field else None
            self._collect(child, below, found)


def _is_hidden(node):
    hidden = (node.get("invisible"), node.get("column_invisible"))
    return "1" in hidden or "True" in hidden


def _literal(call):
    """Return the texts of an error, out of its ``_()``."""
    if untranslated._name(call.func) not in untranslated.ERRORS:
        return
    for node in ast.walk(call):
        if untranslated._is_gettext(node) and untranslated._is_text(node.args[0]):
            yield node.args[0].value
            return
