/**
 * A process that listens on the handle it is sent, as a gateway does, and answers each client with its pid.
 */
import { createServer } from "node:net";

process.on("message", (_message, handle) => {
  const server = createServer((socket) => socket.end(String(process.pid)));
  server.listen(handle, () => process.send?.("listening"));
});
