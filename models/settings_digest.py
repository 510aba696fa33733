import hashlib
import json


def settings_digest(uuid, connector, config):
    """Return a digest that changes with everything a connector is built from.

    :param str uuid: of the database; a copy of it speaks for nobody.
    :param str connector: its key.
    :param dict config: address and credentials, see ``_connection_settings``.
    """
    text = json.dumps([uuid, connector, config], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
