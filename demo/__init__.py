from .. import models  # noqa: F401 - what the demo data add to comes first
from . import stock_channel_demo
