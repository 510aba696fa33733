"""Everything a person can search by without typing a domain: found, not listed."""

from dataclasses import dataclass

from lxml import etree

from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

ADDON = "stock_channel_hub"
TYPED = "abc"
DAY = ("2026-11-01", "2026-12-01")


@dataclass(frozen=True)
class Offer:
    """One search: a filter, a field that is typed into, an action's own domain."""

    model: str
    name: str
    domain: tuple

    @property
    def label(self):
        return f"{self.model}: {self.name}"

    @property
    def is_typed(self):
        """Whether it looks for a piece of a text."""
        return any(
            condition.operator in ("ilike", "like", "=ilike")
            for condition in Domain(list(self.domain)).iter_conditions()
        )


def hub_models(env):
    """Return the models of the addon that have a table of their own."""
    return sorted(
        name
        for name, model in env.registry.items()
        if name.startswith("stock.channel")
        and model._auto
        and not model._abstract
        and not model._transient
    )


def offers(env):
    """Yield every search the addon ships for its own tables."""
    models = hub_models(env)
    views = env["ir.ui.view"].search(
        [("type", "=", "search"), ("mode", "=", "primary"), ("model", "in", models)]
    )
    for view in views:
        arch = etree.fromstring(
            env[view.model].get_view(view_id=view.id, view_type="search")["arch"]
        )
        yield from _of_view(env, view.model, arch)
    yield from _of_actions(env, models)
    yield from _of_favourites(env, models)


def _of_view(env, model, arch):
    for node in arch.iter("filter"):
        label = f"filter {node.get('name')}"
        if node.get("domain"):
            yield Offer(model, label, _evaluated(env, node.get("domain")))
        elif node.get("date"):
            start, end = DAY
            field = node.get("date")
            yield Offer(model, label, ((field, ">=", start), (field, "<", end)))
    for node in arch.iter("field"):
        yield from _of_field(env, model, node)


def _of_field(env, model, node):
    name = node.get("name")
    if node.get("filter_domain"):
        domain = _evaluated(env, node.get("filter_domain"), self=TYPED)
        yield Offer(model, f"field {name}", domain)
        return
    field = env[model]._fields[name]
    if not field.relational:
        is_text = field.type in ("char", "text")
        operator = node.get("operator", "ilike" if is_text else "=")
        value = TYPED if is_text else field.get_values(env)[0]
        yield Offer(model, f"field {name}", ((name, operator, value),))
        return
    # Chosen from those that are proposed, or typed and searched for as it is.
    yield Offer(model, f"field {name}", ((name, node.get("operator", "="), 1),))
    if field.comodel_name in hub_models(env):
        yield Offer(model, f"field {name}, typed", ((name, "ilike", TYPED),))


def _of_actions(env, models):
    data = env["ir.model.data"].search(
        [("model", "=", "ir.actions.act_window"), ("module", "=", ADDON)]
    )
    for action in env["ir.actions.act_window"].browse(data.mapped("res_id")):
        domain = _evaluated(env, action.domain or "[]")
        if domain and action.res_model in models:
            yield Offer(action.res_model, f"action {action.name}", domain)


def _of_favourites(env, models):
    data = env["ir.model.data"].search(
        [("model", "=", "ir.filters"), ("module", "=", ADDON)]
    )
    for saved in env["ir.filters"].browse(data.mapped("res_id")):
        if saved.model_id in models:
            domain = _evaluated(env, saved.domain)
            yield Offer(saved.model_id, f"favourite {saved.name}", domain)


def _evaluated(env, text, **names):
    return tuple(safe_eval(text, {"uid": env.uid, "active_id": 1, **names}))
