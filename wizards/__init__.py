from . import (
    stock_channel_credential_wizard,
    stock_channel_file_wizard,
    stock_channel_ignore_wizard,
    stock_channel_erasure,
    stock_channel_inspect_wizard,
    stock_channel_map_wizard,
    stock_channel_match_wizard,
    stock_channel_pause_wizard,
    stock_channel_receive_wizard,
    stock_channel_remote_ignore_wizard,
    stock_channel_secret_wizard,
    stock_channel_undo_wizard,
)
