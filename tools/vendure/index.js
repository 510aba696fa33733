"use strict";

const { DefaultJobQueuePlugin, DefaultLogger, LogLevel, bootstrap, dummyPaymentHandler } =
  require("@vendure/core");
const { StockChannelHubPlugin } = require("./stock_channel_hub_plugin");

// Everything comes from the environment: the driver starts this server on loopback, on
// a port and database of its own, with secrets it makes up.
const { DATABASE_URL, PORT, SUPERADMIN, SUPERADMIN_PASSWORD, COOKIE_SECRET } = process.env;

const config = {
  apiOptions: {
    port: Number(PORT),
    hostname: "127.0.0.1",
    adminApiPath: "admin-api",
    shopApiPath: "shop-api",
  },
  authOptions: {
    tokenMethod: ["bearer", "api-key"],
    superadminCredentials: { identifier: SUPERADMIN, password: SUPERADMIN_PASSWORD },
    cookieOptions: { secret: COOKIE_SECRET },
  },
  dbConnectionOptions: { type: "postgres", url: DATABASE_URL, synchronize: true },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  logger: new DefaultLogger({ level: LogLevel.Info, timestamp: true }),
  plugins: [DefaultJobQueuePlugin, StockChannelHubPlugin],
};

bootstrap(config).catch((error) => {
  console.error(error);
  process.exit(1);
});
