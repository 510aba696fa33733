"""The translation template: every text of ours that people read, in one file.

Odoo's own reader and writer do the work. Its walk over the addons' folders does not:
below this checkout lies the development environment, with Odoo in it, so only what
is shipped is walked. Dates are left out, so that the same texts give the same bytes.
"""

import io
import os
import re
from pathlib import Path

from lxml import etree

from odoo import release
from odoo.modules import get_module_path
from odoo.tools.translate import (
    JAVASCRIPT_TRANSLATION_COMMENT,
    PYTHON_TRANSLATION_COMMENT,
    PoFileWriter,
    TranslationModuleReader,
)

MODULE = "stock_channel_hub"
SHIPPED = ("controllers", "models", "wizards", "hooks.py")
BROWSER = os.path.join("static", "src")
_DATES = re.compile(r'^"(POT-Creation-Date|PO-Revision-Date): .*\n', re.MULTILINE)


def template_path():
    """Return where the template is kept."""
    return Path(get_module_path(MODULE), "i18n", f"{MODULE}.pot")


def export(env):
    """Return the template's text, made from a database with the addon as it is."""
    reader = _Reader(env)
    buffer = io.BytesIO()
    writer = PoFileWriter(buffer, lang=None)
    writer.write_rows(reader)
    text = buffer.getvalue().decode()
    # The same for every build of one series, whatever its packager calls it.
    text = text.replace(
        f"{release.description} {release.version}", f"Odoo Server {release.series}"
    )
    return _DATES.sub("", text)


def as_file(text):
    """Return a file to read a template's text, or a translation's, from."""
    file = io.BytesIO(text.encode())
    file.name = None  # Odoo looks beside a named one for more
    return file


def write(env):
    """Write the template anew; return how many texts it holds."""
    text = export(env)
    path = template_path()
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return text.count("\nmsgid ") - 1


def terms(text):
    """Return {text: where it stands} of a template."""
    found = {}
    for block in text.split("\n\n")[1:]:
        lines = block.splitlines()
        where = [line[3:] for line in lines if line.startswith("#: ")]
        start = next((n for n, w in enumerate(lines) if w.startswith("msgid ")), None)
        if start is not None:
            found["\n".join(lines[start:])] = " ".join(where)
    return found


class _Reader(TranslationModuleReader):
    """Odoo's reader of one module, kept to what is shipped."""

    def __init__(self, env):
        super().__init__(env.cr, [MODULE])

    def _get_translatable_records(self, imd_records):
        """Leave out what only the demonstration has: nobody's words but its own."""
        demo = _demo_names(self.env)
        shipped = [row for row in imd_records if row.name not in demo]
        if not shipped:
            return self.env["ir.model.data"]
        return super()._get_translatable_records(shipped)

    def _export_translatable_resources(self):
        root = get_module_path(MODULE)
        self._path_list = [(os.path.dirname(root), True)]
        for folder, name in _files(root, SHIPPED, ".py"):
            keywords = {"_": None, "_lt": None}
            self._extract(folder, name, "odoo.tools.babel:extract_python", keywords)
        for folder, name in _files(root, [BROWSER], ".js"):
            keywords = {"_t": None}
            self._extract(folder, name, "odoo.tools.babel:extract_javascript", keywords)
        for folder, name in _files(root, [BROWSER], ".xml"):
            self._extract(folder, name, "odoo.tools.translate:babel_extract_qweb", {})

    def _extract(self, folder, name, method, keywords):
        comment = (
            PYTHON_TRANSLATION_COMMENT
            if name.endswith(".py")
            else JAVASCRIPT_TRANSLATION_COMMENT
        )
        self._babel_extract_terms(
            name,
            os.path.dirname(get_module_path(MODULE)),
            folder,
            method,
            extra_comments=[comment],
            extract_keywords=keywords,
        )


def _files(root, below, suffix):
    """Yield (folder, name) of the shipped files with this ending, in a fixed order."""
    for place in below:
        path = Path(root, place)
        found = [path] if path.is_file() else path.rglob(f"*{suffix}")
        for each in sorted(found):
            if each.suffix == suffix:
                yield str(each.parent), each.name


def _demo_names(env):
    """Return the names of the records the manifest's demo files make."""
    manifest = env["ir.module.module"].get_module_info(MODULE)
    names = set()
    for path in manifest.get("demo", ()):
        tree = etree.parse(Path(get_module_path(MODULE), path))
        names.update(node.get("id").split(".")[-1] for node in tree.iter("record"))
    return names
