"""The token Shopify is called with: a fixed one, one asked for, or one renewed.

Three kinds of app get their tokens in three ways:

- An app made in the shop's own settings has a token that never ends.
- An app of the shop's own organisation asks for one with its id and secret
  (https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant);
  it ends after a day.
- Any other app renews an expiring offline token
  (https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens):
  each renewal gives a new refresh token and takes the one before away for good, so it
  is done within the store's lock, and what was given is kept before anybody uses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import urlencode

from .base import Clock
from .errors import Misconfigured, RetryLater
from .tokens import EXPIRES_AT, TokenStore, Values, expires_at, is_fresh
from .transport import Response, Transport

TOKEN = "access_token"  # noqa: S105 - the name of the setting
REFRESH = "refresh_token"
_NOTHING = ("", "-")
"""A setting that was entered once can be changed, not emptied: a dash empties it."""

_ORIGIN = "origin"
"""Key under which a store keeps a digest of the settings its tokens came from."""


class ShopifyTokens:
    """The access token of one app in one shop.

    :param config: ``base_url`` and what the kind of app needs.
    """

    def __init__(
        self,
        config: Mapping[str, str],
        transport: Transport,
        clock: Clock,
        store: TokenStore,
    ) -> None:
        self._config = config
        self._transport = transport
        self._clock = clock
        self._store = store

    def token(self) -> str:
        """Return a token that may be used for a while.

        :raise Misconfigured: settings are missing, or Shopify gives no token for them.
        """
        if self._is_fixed():
            return self._setting(TOKEN)
        kept = self._store.read()
        if not self._is_usable(kept):
            kept = self._exchange(refused="")
        return kept[TOKEN]

    def renewed(self, refused: str) -> str:
        """Return another token than the one Shopify has just refused.

        :raise Misconfigured: there is no other one.
        """
        if self._is_fixed():
            raise Misconfigured(
                "Shopify refuses the access token (401). Enter the token of the app"
                " anew.",
                field=TOKEN,
            )
        return self._exchange(refused)[TOKEN]

    def _is_fixed(self) -> bool:
        if self._value(REFRESH):
            return False
        if self._value(TOKEN):
            return True
        if self._value("client_id") and self._value("client_secret"):
            return False
        raise Misconfigured(
            "Enter the access token of the app, or its client id and client secret.",
            field=TOKEN,
        )

    def _is_usable(self, kept: Values) -> bool:
        is_ours = kept.get(_ORIGIN) == self._origin() and bool(kept.get(TOKEN))
        return is_ours and is_fresh(kept, self._clock())

    def _exchange(self, refused: str) -> Values:
        def renew(kept: Values) -> Values | None:
            # Another worker may have waited for the lock before us, and renewed.
            if self._is_usable(kept) and kept[TOKEN] != refused:
                return None
            return self._asked(kept)

        return self._store.exchange(renew)

    def _asked(self, kept: Values) -> Values:
        """Ask Shopify for a token; return all that is to be kept."""
        body = {
            "client_id": self._setting("client_id"),
            "client_secret": self._setting("client_secret"),
            "grant_type": "client_credentials",
        }
        is_rotating = bool(self._value(REFRESH))
        if is_rotating:
            is_ours = kept.get(_ORIGIN) == self._origin()
            body["grant_type"] = REFRESH
            body[REFRESH] = (is_ours and kept.get(REFRESH)) or self._setting(REFRESH)
        response = self._transport.request(
            "POST",
            f"{address(self._config)}/admin/oauth/access_token",
            headers={
                "accept": "application/json",
                "content-type": "application/x-www-form-urlencoded",
            },
            body=urlencode(body).encode(),
        )
        return self._given(response, is_rotating)

    def _given(self, response: Response, is_rotating: bool) -> Values:
        """Return what is to be kept of an answer.

        :raise Misconfigured: when Shopify refuses.
        """
        if response.status >= 400:
            raise self._refusal(response, is_rotating)
        answer = response.json()
        names = (TOKEN, REFRESH) if is_rotating else (TOKEN,)
        if not isinstance(answer, dict) or not all(
            isinstance(answer.get(name), str) and answer[name] for name in names
        ):
            raise RetryLater("Shopify gave no token, and did not say why.")
        kept = {name: answer[name] for name in names} | {_ORIGIN: self._origin()}
        seconds = answer.get("expires_in")
        if isinstance(seconds, int) and not isinstance(seconds, bool):
            kept[EXPIRES_AT] = expires_at(self._clock(), seconds)
        return kept

    def _refusal(self, response: Response, is_rotating: bool) -> Misconfigured:
        if response.status not in (400, 401, 403):
            return Misconfigured(
                f"No Shopify shop at this address ({response.status}).",
                field="base_url",
            )
        if is_rotating:
            return Misconfigured(
                f"Shopify does not renew the token ({response.status}). The app has to"
                " be authorised again: enter the new refresh token.",
                field=REFRESH,
            )
        return Misconfigured(
            f"Shopify gives no token for this client id and secret ({response.status})."
            " Are they of an app that is installed in this shop?",
            field="client_secret",
        )

    def _origin(self) -> str:
        """Return a digest that changes when somebody enters other settings."""
        names = ("client_id", REFRESH)
        text = ""
        if not self._value(REFRESH):
            names = ("client_id", "client_secret")
            text = address(self._config)
        text = "\n".join((text, *map(self._value, names)))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _setting(self, name: str) -> str:
        value = self._value(name)
        if not value:
            raise Misconfigured("The setting is empty.", field=name)
        return value

    def _value(self, name: str) -> str:
        value = self._config.get(name, "").strip()
        return "" if value in _NOTHING else value


def address(config: Mapping[str, str]) -> str:
    """Return where the shop answers, without a slash at the end.

    :raise Misconfigured: when none was entered.
    """
    value = config.get("base_url", "").strip().rstrip("/")
    if not value:
        raise Misconfigured("Enter the address of the shop.", field="base_url")
    return value
