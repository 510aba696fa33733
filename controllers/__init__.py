from . import no_database, hardly_a_request, stock_channel_hub
