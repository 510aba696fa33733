from . import stock_channel_hub
