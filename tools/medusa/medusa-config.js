"use strict";

const { defineConfig } = require("@medusajs/framework/utils");

// Everything comes from the environment: the driver starts this server on
// loopback, on a port and database of its own, with secrets it makes up.
const origins = process.env.STORE_ORIGINS || "http://127.0.0.1";

module.exports = defineConfig({
  admin: { disable: true },
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    databaseDriverOptions: { ssl: false, connection: { ssl: false } },
    http: {
      storeCors: origins,
      adminCors: origins,
      authCors: origins,
      jwtSecret: process.env.JWT_SECRET,
      cookieSecret: process.env.COOKIE_SECRET,
    },
  },
});
