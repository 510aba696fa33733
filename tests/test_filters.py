"""No search that the addon ships reads a large table from end to end."""

from odoo.fields import Domain
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from .search_offers import hub_models, offers

# Tables that stay small however much is sold: so many per channel, person or day.
SMALL = {
    "stock.channel",
    "stock.channel.charge",
    "stock.channel.count",
    "stock.channel.cursor",
    "stock.channel.erasure.request",
    "stock.channel.exception.term",
    "stock.channel.fetch",
    "stock.channel.ignore",
    "stock.channel.location",
    "stock.channel.match",
    "stock.channel.replay",
    "stock.channel.review",
    "stock.channel.secret",
    "stock.channel.tax",
    "stock.channel.token",
}
# Filters that most rows of their table pass, so that no index would help: the list
# stops at 80 of them and the count at 10 000.
MOST_ROWS = {
    "stock.channel.approval: filter not_mine",
    "stock.channel.blind.receipt: filter matched",
    "stock.channel.fulfillment: filter shipments",
    "stock.channel.message: filter poll",
    "stock.channel.message: filter webhook",
    "stock.channel.remote.listing: filter mapped",
    "stock.channel.return: filter done",
}
# Partial indexes that leave out next to nothing: reading one is reading all, so they
# are not there while PostgreSQL is asked.
NEARLY_ALL = [
    "stock_channel_listing_by_item",
    "stock_channel_order_line_order_line_unique",
    "stock_channel_order_to_erase",
    "stock_channel_publication_read_back_order",
    "stock_channel_remote_listing_by_item",
    "stock_channel_remote_listing_by_round",
]


@tagged("post_install", "-at_install")
class TestFilters(TransactionCase):
    """Asked of PostgreSQL itself: where whole reads are switched off it does one only
    if no index serves, whatever the tables hold. What is typed into is served by
    trigrams, which PostgreSQL may lack; declared they must be anyway."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        large = [name for name in hub_models(cls.env) if name not in SMALL]
        cls.large = {cls.env[name]._table for name in large}
        cls.offers = list(offers(cls.env))

    def setUp(self):
        super().setUp()
        self.env.flush_all()
        self.env.cr.execute(SQL("SET LOCAL enable_seqscan = off"))
        for name in NEARLY_ALL:
            self.env.cr.execute(SQL("DROP INDEX %s", SQL.identifier(name)))

    def _read_whole(self, model, domain):
        """Return the large tables that a search reads from end to end."""
        query = self.env[model].sudo()._search(Domain(list(domain)))
        self.env.cr.execute(SQL("EXPLAIN (FORMAT JSON) %s", query.select()))
        (((plan,),),) = self.env.cr.fetchall()
        return {
            node["Relation Name"]
            for node in _nodes(plan["Plan"])
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in self.large
        }

    def _unserved(self, is_typed):
        return {
            offer.label: sorted(whole)
            for offer in self.offers
            if offer.is_typed == is_typed
            and (whole := self._read_whole(offer.model, offer.domain))
        }

    def test_every_filter_has_an_index(self):
        unserved = self._unserved(is_typed=False)
        self.assertEqual(
            {label: w for label, w in unserved.items() if label not in MOST_ROWS}, {}
        )
        self.assertEqual(MOST_ROWS - set(unserved), set(), "no exceptions any more")

    def test_every_text_typed_has_trigrams(self):
        if self.env.registry.has_trigram:
            self.assertEqual(self._unserved(is_typed=True), {})
        lacking = set()
        for offer in self.offers:
            if offer.is_typed and offer.model not in SMALL:
                lacking |= set(_without_trigrams(self.env[offer.model], offer.domain))
        self.assertEqual(lacking, set())

    def test_all_searches_are_looked_at(self):
        models = {offer.model for offer in self.offers}
        with_search = self.env["ir.ui.view"].search(
            [
                ("type", "=", "search"),
                ("mode", "=", "primary"),
                ("model", "in", hub_models(self.env)),
            ]
        )
        self.assertEqual(set(with_search.mapped("model")) - models, set())
        self.assertGreater(len(self.offers), 200)

    def test_an_unindexed_search_is_noticed(self):
        self.assertEqual(
            self._read_whole("stock.channel.publication", [("attempts", ">", 3)]),
            {"stock_channel_publication"},
        )
        self.env.cr.execute(SQL("DROP INDEX stock_channel_publication_differs"))
        self.assertEqual(
            self._read_whole("stock.channel.publication", [("drift", "!=", False)]),
            {"stock_channel_publication"},
        )

    def test_record_rules_read_their_own_table_only(self):
        """They are part of every search, so they may not look anything up."""
        rules = self.env(user=self.env.ref("base.user_admin"), su=False)["ir.rule"]
        looks_up = {}
        for name in hub_models(self.env):
            domain = rules._compute_domain(name)
            if self.env[name]._table in self.large and not domain.is_true():
                query = self.env[name].sudo()._search(domain)
                looks_up[name] = len(query._joins)
        self.assertGreater(len(looks_up), 20)
        self.assertEqual({name for name, joins in looks_up.items() if joins}, set())


def _nodes(plan):
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _field(model, path):
    """Return the last field of a path."""
    first, _, rest = path.partition(".")
    field = model._fields[first]
    return _field(model.env[field.comodel_name], rest) if rest else field


def _without_trigrams(model, domain):
    """Yield the fields that a text is looked for in, and that have no such index."""
    for condition in Domain(list(domain)).iter_conditions():
        if condition.operator != "ilike":
            continue
        field = _field(model, condition.field_expr)
        if not field.relational:
            if field.index != "trigram":
                yield str(field)
        elif field.comodel_name not in SMALL:
            comodel = model.env[field.comodel_name]
            names = comodel._rec_names_search or [comodel._rec_name]
            if not all(names):
                # Odoo would find all records, whatever was typed.
                yield f"{comodel._name} has no name to search by"
                continue
            for name in names:
                yield from _without_trigrams(comodel, [(name, "ilike", "abc")])
