"""What axe-core finds in Odoo's own web client, and why it is left to Odoo.

Each entry must still occur: one that Odoo has mended fails the run until it is taken
out here.
"""

from __future__ import annotations

from dataclasses import dataclass

SEARCH = "Odoo's search bar: the same on every screen of every app"
PANEL = "Odoo's control panel: the same on every screen of every app"
LIST = "Odoo's list renderer: checkboxes and the choice of columns of any list"
CHATTER = "Odoo's chatter and activities, the same below any record"
DIALOG = "Odoo's dialog around any wizard; the heading in it has the name"
SCROLLED = "Odoo's dialog scrolls a text that is longer than the window"
MOVES = "Odoo's button for a transfer's details on a phone: an icon alone"
TABS = "Odoo's notebook: it forgets to call its list of tabs one"
ACTIVITY = "Odoo's activity button, whose clock has no name beside the button's"
TAGS = "Odoo's tags of a field with several records"
CHOICE = "Odoo's drop-down of a choice"
COPY = "Odoo's button that copies a field: an icon alone"
PROGRESS = "Odoo's progress bar, which has no role"
RECORD = "Odoo's field that completes the name of a record"
BADGE = "Odoo's badges: white on its theme's green and blue, in every list"
LABEL = "Odoo's labels of a form on a phone: two thirds as dark as at a desk"
MUTED = "Odoo's colour for what matters less, 4.3 to 1 on white instead of 4.5"


@dataclass(frozen=True, kw_only=True)
class Known:
    """One finding that is Odoo's.

    :param str rule: axe-core's id of the rule.
    :param str within: selector of what it is found in, or of an element around it.
    """

    rule: str
    within: str
    reason: str


def _known(reason: str, within: str, *rules: str) -> tuple[Known, ...]:
    return tuple(Known(rule=rule, within=within, reason=reason) for rule in rules)


KNOWN: tuple[Known, ...] = (
    *_known(
        SEARCH,
        ".o_searchview",
        "aria-allowed-attr",
        "aria-command-name",
        "aria-required-parent",
        "role-img-alt",
    ),
    *_known(PANEL, ".o_control_panel", "button-name"),
    *_known(LIST, ".o_list_table", "button-name", "label"),
    *_known(
        CHATTER,
        ".o-mail-ChatterContainer, .o-mail-Form-chatter",
        "aria-command-name",
        "color-contrast",
        "image-alt",
        "role-img-alt",
    ),
    *_known(CHATTER, ".o-mail-Avatar", "image-alt"),
    *_known(
        CHATTER,
        ".o-mail-Message",
        "aria-prohibited-attr",
        "link-in-text-block",
        "list",
    ),
    *_known(TAGS, ".o_tag", "aria-allowed-attr", "aria-prohibited-attr", "image-alt"),
    *_known(CHOICE, ".o_field_selection", "aria-allowed-attr", "autocomplete-valid"),
    *_known(PROGRESS, ".o_progress", "aria-allowed-attr"),
    *_known(RECORD, ".o-autocomplete--input", "aria-allowed-attr"),
    *_known(COPY, ".o_clipboard_button", "button-name"),
    *_known(ACTIVITY, ".o-mail-ActivityButton", "role-img-alt"),
    *_known(TABS, ".o_notebook_headers", "aria-required-parent"),
    *_known(BADGE, ".o_field_badge .badge, .badge[raw-value]", "color-contrast"),
    *_known(LABEL, ".o_form_label", "color-contrast"),
    *_known(DIALOG, ".modal", "aria-dialog-name"),
    *_known(SCROLLED, ".modal-body", "scrollable-region-focusable"),
    *_known(MOVES, "a[name=action_show_details]", "link-name"),
    *_known(MUTED, ".text-muted:not(.alert *)", "color-contrast"),
)
