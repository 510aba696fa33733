"""What this process heard of the limits of every channel it speaks with."""

import threading
from collections import OrderedDict

from ..connectors.limits import LimitMemory

# Far more channels than one process serves; who was not heard of for longest goes.
MOST = 1000


class LimitMemories:
    """One memory per channel, shared by all connectors this process builds for it.

    A connector lives for one round of work, what it heard of the channel's limits
    must not end with it. What was heard with other settings was heard of somebody
    else: another account has limits of its own.

    :param int most: how many channels are remembered.
    """

    def __init__(self, most=MOST):
        self._most = most
        self._known = OrderedDict()
        self._lock = threading.Lock()

    def of(self, channel, digest):
        """Return the memory of one channel.

        :param channel: database and id.
        :param str digest: of its settings.
        """
        with self._lock:
            known_digest, memory = self._known.pop(channel, (None, None))
            if memory is None or known_digest != digest:
                memory = LimitMemory()
            self._known[channel] = (digest, memory)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
            return memory

    def __len__(self):
        return len(self._known)


LIMITS = LimitMemories()
