"""Who works in the office of the pictures: one person for each group."""

from __future__ import annotations

from dataclasses import dataclass

from tools.demo.rpc import User


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with a login of their own; the password is the login."""

    login: str
    name: str
    group: str
    more: tuple[str, ...] = ()

    def hire(self, admin: User) -> int:
        """Make the user; return its id."""
        groups = (f"stock_channel_hub.group_{self.group}", *self.more)
        return admin.create(
            "res.users",
            {
                "name": self.name,
                "login": self.login,
                "password": self.login,
                "email": f"{self.login}@example.com",
                "group_ids": [(4, admin.reference(group)) for group in groups],
            },
        )

    def at(self, url: str, database: str) -> User:
        """Log this person in."""
        return User(url, database, self.login, self.login)


OPERATOR = Person(
    login="olivia",
    name="Olivia Ortiz",
    group="operator",
    more=("stock.group_stock_user", "sales_team.group_sale_salesman_all_leads"),
)
MANAGER = Person(
    login="mark",
    name="Mark Meyer",
    group="manager",
    more=("stock.group_stock_manager",),
)
APPROVER = Person(
    login="anna",
    name="Anna Abel",
    group="approver",
    more=("account.group_account_user",),
)
ADMIN = Person(
    login="ada", name="Ada Adams", group="admin", more=("base.group_erp_manager",)
)
STAFF = (OPERATOR, MANAGER, APPROVER, ADMIN)
