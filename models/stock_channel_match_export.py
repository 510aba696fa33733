import csv
import gzip
import json
import tempfile
import zipfile
from base64 import b64decode, b64encode
from datetime import datetime
from io import BytesIO, TextIOWrapper

import xlsxwriter

from odoo import api, fields, models
from odoo.exceptions import UserError

from .stock_channel_match_number import COLUMNS
from .stock_channel_match_order import ORDER_COLUMNS

# More numbers than this are written in the background.
AT_ONCE = 20_000
# More than this take longer in a workbook than a scheduled action may run: a workbook of
# half a million took two minutes. They go into a CSV file beside it.
LARGE = 100_000
# A sheet has 1 048 576 rows at most; the rest goes on the next one.
SHEET_ROWS = 1_000_000
# A cell holds no more than 32 767 characters.
CELL_LENGTH = 32_000
# What a spreadsheet takes for the beginning of a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class StockChannelMatchExport(models.Model):
    """The match as a spreadsheet, for an auditor.

    Written from what was kept when the match was made, not from today's numbers:
    the file says what was signed. It hangs on the match, so whoever may not read
    the channel does not get it.
    """

    _inherit = "stock.channel.match"

    export_file = fields.Binary("Spreadsheet", readonly=True, attachment=True)
    export_requested = fields.Boolean(readonly=True)

    def action_export(self):
        """Download the spreadsheet; a huge one is prepared in the background."""
        self.ensure_one()
        self.check_access("read")
        match_sudo = self.sudo()
        if match_sudo.state != "done":
            raise UserError(self.env._("The match is not done yet."))
        if not match_sudo.export_file:
            if match_sudo.number_count > AT_ONCE:
                return match_sudo._export_later()
            match_sudo._export()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/stock.channel.match/{self.id}/export_file/"
            f"{self._export_name()}?download=true",
            "target": "download",
        }

    def _export_later(self):
        self.export_requested = True
        self._trigger_after_commit(self._cron())
        return self.channel_id._notify(
            self.env._(
                "The spreadsheet has %s rows and is being written. Press Export again "
                "in a few minutes.",
                self.number_count,
            ),
            "info",
        )

    def _export_name(self):
        day = self.company_id._channel_local(self.requested_at).date()
        ending = "zip" if self.number_count > LARGE else "xlsx"
        return f"match-{self.channel_id.id}-{day}.{ending}"

    @api.model
    def _prepare_exports(self):
        """Write the spreadsheets somebody waits for, each in its own transaction."""
        for match in self.search([("export_requested", "=", True)]):
            self._in_transaction(match._export)

    def _export(self):
        """Write the spreadsheet from the rows that were kept.

        Of very many, the workbook has those that differ and a CSV file beside it all.
        """
        self.ensure_one()
        with tempfile.TemporaryFile() as file:
            if self.number_count > LARGE:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    with archive.open("match.xlsx", "w") as part:
                        part.write(self._book_content(is_short=True))
                    with archive.open("numbers.csv", "w") as part:
                        self._write_csv(part)
            else:
                file.write(self._book_content())
            file.seek(0)
            content = file.read()
        self.write({"export_file": b64encode(content), "export_requested": False})

    def _book_content(self, is_short=False):
        """Return the workbook, with the numbers that differ only if ``is_short``."""
        with tempfile.TemporaryFile() as file:
            book = xlsxwriter.Workbook(
                file, {"constant_memory": True, "strings_to_formulas": False}
            )
            self._write_book(book, is_short)
            book.close()
            file.seek(0)
            return file.read()

    def _kept_rows(self):
        """Yield the rows that were kept: a list per number, a dict per order."""
        packed = b64decode(self.with_context(bin_size=False).rows_file)
        with gzip.open(BytesIO(packed), "rt", encoding="utf-8") as rows:
            for text in rows:
                yield json.loads(text)

    def _write_csv(self, file):
        """Write every number into a binary file, as spreadsheets read it."""
        lines = self.env["stock.channel.match.line"]
        labels = dict(lines._fields["kind"]._description_selection(self.env))
        place = COLUMNS.index("kind")
        # With a mark at its beginning, or Excel takes UTF-8 for something else.
        with TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            writer = csv.writer(text)
            writer.writerow(title for title, _format in self._number_heads())
            for row in self._kept_rows():
                if isinstance(row, dict):
                    continue
                row[place] = labels[row[place]]
                writer.writerow(
                    inert(value) if isinstance(value, str) else value for value in row
                )

    # --------------------------------------------------------------- writing

    def _write_book(self, book, is_short):
        formats = {
            "head": book.add_format({"bold": True, "bottom": 1}),
            "quantity": book.add_format({"num_format": "#,##0.###"}),
            "money": book.add_format({"num_format": "#,##0.00"}),
            "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        self._write_summary(book, formats)
        lines = self.env["stock.channel.match.line"]
        labels = dict(lines._fields["kind"]._description_selection(self.env))
        numbers = Sheets(book, formats, self.env._("Numbers"), self._number_heads())
        orders, place = [], COLUMNS.index("kind")
        for row in self._kept_rows():
            if isinstance(row, dict):
                orders.append(row["order"])
                continue
            if is_short and (row[place] == "equal" or numbers.count == LARGE):
                continue
            numbers.put(
                labels[value] if name == "kind" else value
                for name, value in zip(COLUMNS, row, strict=True)
            )
        sheet = Sheets(book, formats, self.env._("Orders"), self._order_heads())
        for row in orders:
            sheet.put(
                labels[value] if name == "kind" else value
                for name, value in zip(ORDER_COLUMNS, row, strict=True)
            )

    def _number_heads(self):
        """Return (title, format) of each column of the numbers."""
        return [
            (self.env._("SKU"), None),
            (self.env._("Internal Reference"), None),
            (self.env._("Location"), None),
            (self.env._("Unit"), None),
            (self.env._("ERP"), "quantity"),
            (self.env._("Expected"), "quantity"),
            (self.env._("Live"), "quantity"),
            (self.env._("Read (UTC)"), "moment"),
            (self.env._("What It Is"), None),
            (self.env._("Difference"), "quantity"),
            (self.env._("Value of the Difference"), "money"),
        ]

    def _order_heads(self):
        return [
            (self.env._("Channel's Order Id"), None),
            (self.env._("Order"), None),
            (self.env._("What It Is"), None),
            (self.env._("Sales Order"), None),
            (self.env._("Channel's Total"), "money"),
            (self.env._("Sales Order's Total"), "money"),
            (self.env._("Currency"), None),
            (self.env._("Ordered (UTC)"), "moment"),
        ]

    def _write_summary(self, book, formats):
        heads = [(self.env._("Three-Way Match"), None), ("", None)]
        sheet = Sheets(book, formats, self.env._("Summary"), heads)
        review = self.review_id
        moment = fields.Datetime.to_string
        rows = [
            (self.env._("Company"), self.company_id.name),
            (self.env._("Channel"), self.channel_id.name),
            (self.env._("Asked for (UTC)"), moment(self.requested_at)),
            (self.env._("Matched (UTC)"), moment(self.done_at)),
            (self.env._("Channel Read (UTC)"), moment(self.read_at) or ""),
            (
                self.env._("Read for This Match"),
                self.env._("yes") if self.is_fresh else self.env._("no"),
            ),
            (self.env._("Currency"), self.currency_id.name),
            (self.env._("Numbers"), self.number_count),
            (self.env._("Differing"), self.differing_count),
            (self.env._("Difference in Value"), self.difference_value),
            *self._count_rows(self.counts_text),
            (self.env._("Orders"), self.order_count),
            (self.env._("Orders to Look At"), self.order_problem_count),
            *self._count_rows(self.order_counts_text),
            (self.env._("Numbers Left Out"), self.gaps or ""),
            (self.env._("Review"), review.name or ""),
        ]
        for row in rows:
            sheet.put(row)

    def _count_rows(self, text):
        for line in text.splitlines():
            label, _colon, count = line.rpartition(": ")
            yield f"  {label}", int(count)


class Sheets:
    """Rows on a sheet with a frozen head; more than fit go on further sheets.

    :param heads: (title, name of the format or None) of each column.
    """

    def __init__(self, book, formats, title, heads):
        self.book, self.formats, self.title, self.heads = book, formats, title, heads
        self.number = self.count = 0
        self._begin()

    def _begin(self):
        self.number += 1
        name = self.title if self.number == 1 else f"{self.title} {self.number}"
        self.sheet = self.book.add_worksheet(name)
        self.sheet.freeze_panes(1, 0)
        self.sheet.set_column(0, len(self.heads) - 1, 20)
        for column, (title, _format) in enumerate(self.heads):
            self.sheet.write_string(0, column, title, self.formats["head"])
        self.row = 0

    def put(self, values):
        """Add a row; text is text, whatever it looks like."""
        if self.row == SHEET_ROWS:
            self._begin()
        self.row += 1
        self.count += 1
        for column, value in enumerate(values):
            self._write_cell(column, value, self.heads[column][1])

    def _write_cell(self, column, value, kind):
        if value is None or value is False or value == "":
            return
        style = self.formats.get(kind)
        if isinstance(value, int | float):
            self.sheet.write_number(self.row, column, value, style)
        elif kind == "moment":
            moment = datetime.fromisoformat(value)
            self.sheet.write_datetime(self.row, column, moment, style)
        else:
            self.sheet.write_string(self.row, column, inert(value))


def inert(text):
    """Return text that no spreadsheet takes for a formula.

    Written as text it is none already; the apostrophe keeps it so when somebody saves
    the sheet as CSV and opens that.
    """
    text = text[:CELL_LENGTH]
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
