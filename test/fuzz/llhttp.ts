/** What llhttp, the parser in `node:http`, makes of the bytes of one request. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { type Duplex, duplexPair } from "node:stream";
import type { Verdict } from "./differential.ts";

const LIMIT_BYTES = 64 * 1024;

export class LlhttpParser {
  readonly #server: Server;
  #onRequest: (request: IncomingMessage, ahead?: Buffer) => void = () => {};
  #onError: (error: NodeJS.ErrnoException) => void = () => {};

  constructor() {
    // Host is the server's business, not the parser's.
    const options = { insecureHTTPParser: false, requireHostHeader: false, maxHeaderSize: LIMIT_BYTES };
    const server = createServer(options, (request) => this.#onRequest(request));
    server.on("checkContinue", (request) => this.#onRequest(request));
    server.on("checkExpectation", (request) => this.#onRequest(request));
    server.on("connect", (request) => this.#onRequest(request));
    server.on("upgrade", (request) => this.#onRequest(request));
    server.on("clientError", (error: NodeJS.ErrnoException) => this.#onError(error));
    this.#server = server;
  }

  async verdict(bytes: Buffer): Promise<Verdict> {
    const [client, accepted] = duplexPair();
    for (const side of [client, accepted]) side.on("error", () => {}); // the verdict tells
    const verdict = this.#verdictOf(accepted);
    this.#server.emit("connection", accepted);
    client.resume();
    client.end(bytes);
    const result = await verdict;
    client.destroy();
    accepted.destroy();
    return result;
  }

  #verdictOf(connection: Duplex): Promise<Verdict> {
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    this.#onRequest = (request) => {
      this.#onRequest = () => {};
      let body = "";
      request.on("data", (bytes: Buffer) => {
        body += bytes.toString("latin1");
      });
      request.on("end", () => resolve({ kind: "accepted", ...headOf(request), body }));
      request.on("error", () => {}); // it ends before it is complete: `clientError` or the end tells
    };
    this.#onError = ({ code = "", message }) => {
      if (code === "HPE_INVALID_EOF_STATE") resolve({ kind: "unfinished" });
      else resolve({ kind: "rejected", reason: `${code}: ${message}` });
    };
    connection.on("close", () => resolve({ kind: "unfinished" }));
    connection.on("end", () => setImmediate(() => resolve({ kind: "unfinished" })));
    return promise;
  }
}

function headOf(
  request: IncomingMessage,
): Pick<Verdict & { kind: "accepted" }, "method" | "target" | "version" | "fields"> {
  const { method = "", url = "", httpVersion, rawHeaders } = request;
  const fields: Array<readonly [string, string]> = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    fields.push([(rawHeaders[at] as string).toLowerCase(), rawHeaders[at + 1] as string]);
  }
  return { method, target: url, version: `HTTP/${httpVersion}`, fields };
}
