-- A restored copy must never talk to a live channel.
UPDATE stock_channel
   SET credentials = NULL,
       database_identity = NULL,
       webhook_token = NULL,
       state = CASE WHEN state = 'live' THEN 'paused' ELSE state END;
DELETE FROM stock_channel_secret;
UPDATE stock_channel_fetch
   SET state = 'stopped'
 WHERE state IN ('reading', 'matching', 'mapping');
DELETE FROM stock_channel_token;
UPDATE ir_cron
   SET active = FALSE
 WHERE id IN (SELECT publish_cron_id FROM stock_channel
               UNION SELECT poll_cron_id FROM stock_channel);
