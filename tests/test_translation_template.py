"""Everything people read can be translated, and the template says what there is."""

from odoo.tests import TransactionCase, tagged

from . import template_export


@tagged("post_install", "-at_install")
class TestTranslationTemplate(TransactionCase):
    def test_it_is_in_step_with_the_code_and_the_screens(self):
        kept = template_export.template_path().read_text(encoding="utf-8")
        made = template_export.export(self.env)
        if kept == made:
            return
        old, new = template_export.terms(kept), template_export.terms(made)
        lost = [f"gone: {old[term]}: {term}" for term in old.keys() - new.keys()]
        come = [f"new: {new[term]}: {term}" for term in new.keys() - old.keys()]
        moved = [
            f"elsewhere: {new[term]}: {term}"
            for term in old.keys() & new.keys()
            if old[term] != new[term]
        ]
        news = sorted(lost + come + moved)[:20]
        self.fail(
            "i18n/stock_channel_hub.pot is not in step: run `make pot` and commit it.\n"
            + "\n".join(news)
        )

    def test_it_names_no_date_and_no_build(self):
        head = template_export.export(self.env).partition("\n\n")[0]
        self.assertNotRegex(head, r"\d\d\d\d-\d\d-\d\d|POT-Creation|dfsg")
        self.assertIn("Project-Id-Version: Odoo Server 19.0\\n", head)
