/** Connections as the system sees them. */
import { readFileSync } from "node:fs";
import type { Client } from "../../support/client.ts";
import { eventually } from "../../support/wait.ts";
import type { Server } from "./server.ts";

/** The gateway has closed the connection at its end too. */
export async function gatewayForgets(server: Server, client: Client): Promise<void> {
  const port = client.localPort.toString(16).toUpperCase().padStart(4, "0");
  const ours = new RegExp(`:[0-9A-F]{4} [0-9A-F]{8}:${port} (01|08) `);
  await eventually(() => !ours.test(readFileSync(`/proc/${server.pid}/net/tcp`, "latin1")));
  // At a reset the system forgets at once; the gateway has heard of it when it answers what came later.
  await server.request("BAD\r\n\r\n");
}
