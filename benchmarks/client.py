"""What Odoo's web client asks the server for when a screen opens.

Screens are found, not listed: every action of the addon with each of its views, every
filter, grouping and favourite of every search view. One that is added is measured by
itself.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from lxml import etree

from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

ADDON = "stock_channel_hub"
PAGE = 80
COUNTED = 10_001
X2MANY_PAGE = 40
MULTI = ("list", "kanban", "graph", "pivot")


@dataclasses.dataclass(frozen=True)
class Action:
    """What an action says, and the environment of who opens it."""

    env: Any
    id: int
    label: str
    res_model: str
    kinds: tuple[str, ...]
    views: tuple[tuple[int | bool, str], ...]
    search: int | bool
    domain: Any
    context: dict[str, Any]

    @classmethod
    def told(cls, env: Any, action_sudo: Any) -> Action:
        """Read the record, which its users may not."""
        chosen = {kind: view for view, kind in action_sudo.views}
        kinds = tuple(action_sudo.view_mode.split(","))
        name = str(action_sudo.xml_id).partition(".")[2]
        return cls(
            env=env,
            id=action_sudo.id,
            label=name.removeprefix("stock_channel_").replace("_action", "") or name,
            res_model=action_sudo.res_model,
            kinds=kinds,
            views=tuple((chosen.get(kind) or False, kind) for kind in kinds),
            search=action_sudo.search_view_id.id,
            domain=evaluated(env, action_sudo.domain or "[]"),
            context=evaluated(env, action_sudo.context or "{}"),
        )

    @property
    def model(self) -> Any:
        """The model with the context its records are read in."""
        return self.env[self.res_model].with_context(
            **{
                key: value
                for key, value in self.context.items()
                if not key.startswith("search_default_")
            }
        )

    @property
    def overview(self) -> str | None:
        """The first of its views that shows many records."""
        return next((kind for kind in self.kinds if kind in MULTI), None)

    def get_views(self) -> Any:
        """Return the descriptions of its views, the search view's among them."""
        return self.model.get_views(
            [*self.views, (self.search, "search")],
            {"action_id": self.id, "toolbar": True, "load_filters": True},
        )


@dataclasses.dataclass(frozen=True)
class Screen:
    """One view of an action, as one user opens it.

    :param tuple domains: in addition to the action's and its default filters.
    :param tuple groups: what the rows are grouped by instead of the usual.
    """

    name: str
    action: Action
    kind: str
    domains: tuple[Any, ...] = ()
    groups: tuple[str, ...] | None = None
    defaults: bool = True

    def open(self) -> int:
        """Ask what the client asks, and write it out as the server does.

        :return: bytes of the answers.
        """
        answers = list(self._answers())
        return len(json.dumps(answers, default=str))

    # ------------------------------------------------------------- the parts

    def _answers(self) -> Iterator[Any]:
        model = self.action.model
        views = self.action.get_views()
        yield views
        arch = etree.fromstring(views["views"][self.kind]["arch"])
        if self.kind == "form":
            yield from self._form(model, arch)
            return
        search = etree.fromstring(views["views"]["search"]["arch"])
        yield from panel(model, search)
        domain, groups = self._searched(model, search)
        yield from getattr(self, f"_{self.kind}")(model, arch, domain, groups)

    def _searched(self, model: Any, search: Any) -> tuple[Domain, list[str]]:
        """Return the domain and the groups that the search bar starts with."""
        domain = Domain(self.action.domain)
        groups: list[str] = []
        if self.defaults:
            found, groups = defaults(self.action, search)
            domain &= found
        for more in self.domains:
            domain &= Domain(more)
        return domain, list(self.groups) if self.groups is not None else groups

    def _form(self, model: Any, arch: Any) -> Iterator[Any]:
        specification = fields_of(model, arch)
        if model._transient:
            yield model.onchange({}, [], specification)
            return
        domain = self.action.domain
        # The newest, and the oldest, which may hold more.
        found = model.search(domain, limit=1) | model.search(
            domain, limit=1, order="id"
        )
        for record in found:
            yield record.web_read(specification)

    def _list(
        self, model: Any, arch: Any, domain: Domain, groups: list[str]
    ) -> Iterator[Any]:
        groups = groups or names(arch.get("default_group_by"))
        specification = fields_of(model, arch)
        if groups:
            yield model.with_context(read_group_expand=True).web_read_group(
                list(domain),
                groups[:1],
                aggregates(model, specification),
                limit=PAGE,
                auto_unfold=arch.get("expand") == "1",
                unfold_read_specification=specification,
                unfold_read_default_limit=int(arch.get("limit", PAGE)),
            )
            return
        yield model.with_context(bin_size=True).web_search_read(
            list(domain),
            specification,
            limit=int(arch.get("limit", PAGE)),
            order=arch.get("default_order"),
            count_limit=int(arch.get("count_limit", COUNTED - 1)) + 1,
        )

    def _kanban(
        self, model: Any, arch: Any, domain: Domain, groups: list[str]
    ) -> Iterator[Any]:
        yield from self._list(model, arch, domain, groups)
        groups = groups or names(arch.get("default_group_by"))
        for bar in arch.iter("progressbar"):
            colors = {
                "field": bar.get("field"),
                "colors": json.loads(bar.get("colors")),
            }
            yield model.read_progress_bar(list(domain), groups[0], colors)

    def _graph(
        self, model: Any, arch: Any, domain: Domain, groups: list[str]
    ) -> Iterator[Any]:
        rows = groups or [
            column(node) for node in arch if node.get("type") != "measure"
        ]
        yield model.with_context(fill_temporal=True).formatted_read_group(
            list(domain), rows, measures(model, arch)
        )

    def _pivot(
        self, model: Any, arch: Any, domain: Domain, groups: list[str]
    ) -> Iterator[Any]:
        rows = groups or [column(n) for n in arch if n.get("type") == "row"]
        columns = [column(n) for n in arch if n.get("type") == "col"]
        sets = [[], rows[:1], columns[:1], rows[:1] + columns[:1]]
        yield model.formatted_read_grouping_sets(
            list(domain), sets, measures(model, arch)
        )


# --------------------------------------------------------------------- finding


def actions(env: Any) -> list[Action]:
    """Return the addon's window actions that this user may open."""
    data_sudo = env["ir.model.data"].sudo()
    ids = data_sudo.search(
        [("model", "=", "ir.actions.act_window"), ("module", "=", ADDON)]
    ).mapped("res_id")
    return [
        Action.told(env, action_sudo)
        for action_sudo in env["ir.actions.act_window"].sudo().browse(ids)
        if env[action_sudo.res_model].has_access("read")
        and (
            not action_sudo.group_ids
            or action_sudo.group_ids & env.user.sudo().all_group_ids
        )
        and (action_sudo.target != "new" or _has_menu(action_sudo))
    ]


def _has_menu(action_sudo: Any) -> bool:
    """Whether it opens by itself; others open over a record, which they need."""
    reference = f"{action_sudo._name},{action_sudo.id}"
    menus_sudo = action_sudo.env["ir.ui.menu"]
    return bool(menus_sudo.search_count([("action", "=", reference)], limit=1))


def screens(env: Any) -> Iterator[Screen]:
    """Yield every view of every action, as this user sees it."""
    for action in actions(env):
        for kind in action.kinds:
            yield Screen(f"{action.label} {kind}", action, kind)


def searches(env: Any) -> Iterator[Screen]:
    """Yield what the search bar of every action offers, each by itself."""
    seen = set()
    for action in actions(env):
        kind, key = action.overview, (action.res_model, action.search)
        if kind is None or key in seen:
            continue
        seen.add(key)
        search = etree.fromstring(action.get_views()["views"]["search"]["arch"])
        for node in search.iter("filter"):
            yield from _offered(action, kind, node)
    yield from favourites(env)


def _offered(action: Action, kind: str, node: Any) -> Iterator[Screen]:
    name = f"{action.label}: {node.get('string') or node.get('name')}"
    group = evaluated(action.env, node.get("context") or "{}").get("group_by")
    if group:
        # Grouped is what the action shows, which its default filters are part of.
        yield Screen(name, action, kind, groups=tuple(names(group)))
    elif node.get("domain"):
        domain = evaluated(action.env, node.get("domain"))
        yield Screen(name, action, kind, (domain,), defaults=False)


def favourites(env: Any) -> Iterator[Screen]:
    """Yield the shared favourites that the addon ships."""
    data_sudo = env["ir.model.data"].sudo()
    ids = data_sudo.search(
        [("model", "=", "ir.filters"), ("module", "=", ADDON)]
    ).mapped("res_id")
    by_id = {action.id: action for action in actions(env)}
    for found_sudo in env["ir.filters"].sudo().browse(ids):
        action = by_id.get(found_sudo.action_id.id)
        kind = action and action.overview
        if action is None or kind is None:
            continue
        groups = evaluated(env, found_sudo.context or "{}").get("group_by")
        yield Screen(
            f"favourite {found_sudo.name}",
            action,
            kind,
            (evaluated(env, found_sudo.domain),),
            groups=tuple(names(groups)),
            defaults=False,
        )


# -------------------------------------------------------------------- reading


def evaluated(env: Any, text: Any) -> Any:
    """Return what a domain or a context says, for the present user."""
    if not isinstance(text, str):
        return text
    return safe_eval(text, {"uid": env.uid, "active_id": False, "active_ids": []})


def names(text: Any) -> list[str]:
    """Return the fields that something is grouped by."""
    if not text:
        return []
    return text.split(",") if isinstance(text, str) else list(text)


def defaults(action: Action, search: Any) -> tuple[Domain, list[str]]:
    """Return what the action's context switches on: filters of one block are or'ed."""
    domain, groups = Domain.TRUE, []
    block: list[Domain] = []
    for node in [*search.iter("filter", "separator"), None]:
        if node is None or node.tag == "separator":
            domain &= Domain.OR(block) if block else Domain.TRUE
            block = []
        elif action.context.get(f"search_default_{node.get('name')}"):
            own = evaluated(action.env, node.get("context") or "{}")
            groups += names(own.get("group_by"))
            if node.get("domain"):
                block.append(Domain(evaluated(action.env, node.get("domain"))))
    return domain, groups


def panel(model: Any, search: Any) -> Iterator[Any]:
    """Yield the answers of a search panel, where there is one."""
    for node in search.iterfind(".//searchpanel/field"):
        method = "multi_range" if node.get("select") == "multi" else "range"
        yield getattr(model, f"search_panel_select_{method}")(node.get("name"))


def fields_of(model: Any, arch: Any) -> dict[str, Any]:
    """Return what is read of each record: all fields, shown or not, with theirs."""
    specification: dict[str, Any] = {}
    for node in _own_fields(arch):
        name = node.get("name")
        field = model._fields[name]
        specification.setdefault(name, {})
        if field.type in ("many2one", "reference"):
            specification[name] = {"fields": {"display_name": {}}}
        elif field.type in ("one2many", "many2many"):
            specification[name] = _x2many(model.env[field.comodel_name], node)
    return specification


def _own_fields(arch: Any) -> Iterator[Any]:
    """Yield the fields of a view, those of views inside it left out."""
    for child in arch:
        if child.tag == "field":
            yield child
        elif isinstance(child.tag, str):
            yield from _own_fields(child)


def _x2many(comodel: Any, node: Any) -> dict[str, Any]:
    shown = next((child for child in node if child.tag in ("list", "kanban")), None)
    if shown is None:
        return {"fields": {"display_name": {}}, "limit": X2MANY_PAGE}
    told = {
        "fields": fields_of(comodel, shown),
        "limit": int(shown.get("limit", X2MANY_PAGE)),
    }
    order = shown.get("default_order")
    return {**told, "order": order} if order else told


def aggregates(model: Any, specification: dict[str, Any]) -> list[str]:
    """Return what a grouped list asks of each group."""
    found = []
    for name in specification:
        field = model._fields[name]
        if field.store and field.aggregator and field.type != "many2one":
            found.append(f"{name}:{field.aggregator}")
    return found


def measures(model: Any, arch: Any) -> list[str]:
    """Return what a graph or a pivot counts."""
    found = ["__count"]
    for node in arch:
        if node.get("type") == "measure" and node.get("name") != "__count":
            name = node.get("name")
            found.append(f"{name}:{model._fields[name].aggregator}")
    return found


def column(node: Any) -> str:
    """Return by what a node of a graph or a pivot groups."""
    name, interval = node.get("name"), node.get("interval")
    return f"{name}:{interval}" if interval else str(name)
