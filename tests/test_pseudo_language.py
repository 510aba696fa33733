"""A language in which every text of ours stands in brackets: what has none, is raw.

Reading the sources finds what looks like a text; this finds what people see.
"""

import re
from unittest.mock import patch

import polib
from lxml import etree, html

from odoo import api
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged
from odoo.tools.translate import TranslationImporter, code_translations

from . import template_export
from .common import HubCase
from .template_export import MODULE

LANG = "tlh_TLH"
_BRACKETS = re.compile(r"⟦[^⟦⟧]*⟧")
_WORD = re.compile(r"[A-Za-z]{3,}")
# What a view shows of these comes from the view itself.
SHOWN = ("string", "help", "placeholder", "confirm", "title", "aria-label", "alt")
SHOWN += ("sum", "avg")
# Names nobody translates, and examples of what to type.
NAMES = {
    "https://shop.example.com": "an address to show its form",
}


class PseudoLanguage:
    """Installs the language, made from the template as it would be now."""

    @classmethod
    def _speak(cls):
        cls.env["res.lang"].create(
            {"name": "Brackets", "code": LANG, "iso_code": "tlh", "active": True}
        )
        po = _bracketed(template_export.export(cls.env))
        importer = TranslationImporter(cls.env.cr, verbose=False)
        with template_export.as_file(po) as file:
            importer.load(file, "po", LANG)
        importer.save(overwrite=True)
        terms = {
            entry.msgid: entry.msgstr
            for entry in polib.pofile(po)
            if "odoo-python" in entry.comment
        }
        known = code_translations.python_translations
        known[(MODULE, LANG)] = terms
        cls.addClassCleanup(known.pop, (MODULE, LANG))
        cls.env.registry.clear_all_caches()
        cls.addClassCleanup(cls.env.registry.clear_all_caches)
        cls.spoken = cls.env(context={**cls.env.context, "lang": LANG})

    def raw_words(self, text):
        """Return the text without what is in brackets, "" if no word is left."""
        left = self.without_brackets(text or "")
        return left.strip() if _WORD.search(left) else ""

    def without_brackets(self, text):
        before = None
        while before != text:
            before, text = text, _BRACKETS.sub(" ", text)
        return text

    def raw_in_markup(self, markup, known):
        """Return the words of a piece of HTML that are neither ours nor data."""
        if not markup:
            return []
        tree = html.fromstring(f"<div>{markup}</div>")
        texts = [*tree.itertext()]
        texts += [
            value
            for node in tree.iter(etree.Element)
            for name, value in node.attrib.items()
            if name in ("title", "aria-label", "alt")
        ]
        found = []
        for text in texts:
            left = self.raw_words(text)
            for name in known:
                left = left.replace(name, " ")
            if _WORD.search(left):
                found.append(left.strip())
        return found


def _bracketed(template):
    """Return a translation of every text in a template: itself in brackets."""
    file = polib.pofile(template)
    for entry in file:
        lead = entry.msgid[: len(entry.msgid) - len(entry.msgid.lstrip())]
        tail = entry.msgid[len(entry.msgid.rstrip()) :]
        entry.msgstr = f"{lead}⟦{entry.msgid.strip()}⟧{tail}"
    return str(file)


@tagged("post_install", "-at_install")
class TestPseudoScreens(PseudoLanguage, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._speak()

    def of_module(self, model):
        rows = self.env["ir.model.data"].search(
            [("module", "=", MODULE), ("model", "=", model)]
        )
        return self.spoken[model].browse(rows.mapped("res_id")).exists()

    def test_menus_and_actions(self):
        found = [
            (record._name, name, record[name])
            for model, names in (
                ("ir.ui.menu", ("name",)),
                ("ir.actions.act_window", ("name", "help")),
                ("ir.actions.server", ("name",)),
                ("res.groups", ("name", "comment")),
                ("ir.model", ("name",)),
            )
            for record in self.of_module(model)
            for name in names
            # A model of Odoo's that we add fields to keeps its own name.
            if model != "ir.model" or record.model.startswith("stock.channel")
            if record[name]
            and self.raw_words(html.fromstring(record[name]).text_content())
        ]
        self.assertFalse(found)

    def test_views(self):
        found = []
        for view in self.of_module("ir.ui.view"):
            # A text with a bold word in it is one text, tags and all.
            left = self.without_brackets(view.arch_db)
            tree = etree.fromstring(left.encode())
            for node in tree.iter(etree.Element):
                texts = [node.text, node.tail, *map(node.get, SHOWN)]
                if node.tag == "attribute" and node.get("name") not in SHOWN:
                    texts = [node.tail]
                found += [
                    f"{view.key or view.name}: <{node.tag}> {text.strip()}"
                    for text in texts
                    if _WORD.search(text or "") and text.strip() not in NAMES
                ]
        self.assertFalse(found, "\n".join(found))

    def test_labels_helps_and_choices(self):
        fields = self.of_module("ir.model.fields")
        found = []
        for field in fields:
            model = self.spoken.get(field.model)
            if model is None or not model._fields[field.name].export_string_translation:
                continue
            if MODULE not in model._fields[field.name]._modules:
                continue
            about = model.fields_get([field.name], ["string", "help", "selection"])
            told = about.get(field.name, {})
            texts = [told.get("string"), told.get("help")]
            # What is computed is names: of connectors, of time zones.
            if not callable(getattr(model._fields[field.name], "selection", None)):
                choices = told.get("selection") or ()
                texts += [label for key, label in choices if label != key]
            found += [
                f"{field.model}.{field.name}: {text}"
                for text in texts
                if self.raw_words(text)
            ]
        self.assertFalse(found, "\n".join(found))


@tagged("post_install", "-at_install")
class TestPseudoWords(PseudoLanguage, HubCase):
    """What is computed and stored, in the language of whoever it is made for."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._speak()

    def test_errors(self):
        draft = self.channel.copy({"name": "7"}).with_env(self.spoken)
        exception = self.open_mapping("777").with_env(self.spoken)
        for refused in (
            lambda: draft._update_state("paused"),
            lambda: self.channel.with_env(self.spoken)._update_state("draft"),
            lambda: exception.with_user(self.owner).action_map(),
            # Fields are named as the screens name them.
            lambda: exception.with_user(self.owner).write({"next_step": "x"}),
            lambda: (
                self.channel.with_env(self.spoken)
                .with_user(self.make_user("group_admin"))
                .write({"state": "draft"})
            ),
        ):
            with self.assertRaises(UserError) as caught:
                refused()
            told = str(caught.exception)
            self.assertIn("⟦", told)
            self.assertFalse(self.raw_words(told), told)

    def test_how_a_number_came_about(self):
        self.receive(self.product, 5)
        self.run_compute()
        shown = self.publication().with_env(self.spoken).parts_html
        names = (
            self.product.name,
            self.place.name,
            self.channel.name,
            self.stock.complete_name,
            self.product.uom_id.name,
        )
        self.assertIn("⟦", shown)
        self.assertFalse(self.raw_in_markup(shown, names))

    def test_jobs_write_in_the_language_of_their_company(self):
        """Odoo gives them none: causes would be English in every company."""
        self.env.company.partner_id.lang = LANG
        job = self.env.ref("stock_channel_hub.ir_cron_inbox")
        heard = []

        def run(action):
            heard.append(action.env.lang)

        jobs = (job, self.env.ref("base.autovacuum_job"))
        with (
            patch.object(type(self.env["ir.actions.server"]), "run", run),
            patch.object(self.env.cr, "commit"),
        ):
            for each in jobs:
                each = each.with_context(lang=None)
                each._callback(each.name, each.ir_actions_server_id.id)
        self.assertEqual(heard, [LANG, None])

    def test_a_language_that_is_not_installed_is_not_asked_for(self):
        self.env.company.partner_id.lang = LANG
        english = [("en_US", "English")]
        languages = type(self.env["res.lang"])
        with patch.object(languages, "get_installed", lambda lang: english):
            self.assertEqual(self.env["ir.cron"]._language_of_work(), "en_US")

    def test_causes_and_steps(self):
        """An order with an unknown SKU, read by a job that speaks the language."""
        data = self.order_data(lines=[self.line_data("1", "777", 1)])
        self.deliver("order.updated", data)
        self.env.flush_all()
        with self.registry.cursor() as cr:
            speaking = api.Environment(cr, api.SUPERUSER_ID, {"lang": LANG})
            speaking["stock.channel.message"]._cron_inbox()
        self.env.invalidate_all()
        exception = self.open_exceptions()
        for name in ("title", "cause", "next_step"):
            self.assertIn("⟦", exception[name])
            self.assertFalse(self.raw_words(exception[name]), exception[name])

    def open_mapping(self, sku):
        self.owner = self.make_user("group_operator")
        return self.env["stock.channel.exception"]._open(
            self.channel,
            category="mapping",
            fingerprint=sku,
            title=sku,
            mapping_kind="item",
            value=sku,
        )
