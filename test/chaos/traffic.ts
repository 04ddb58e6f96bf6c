/**
 * The clients of a chaos round: many that keep their connection, some that do not, slow ones, and ones that vanish. Each request
 * has an id of its own, and what came back goes into the ledger. They pause a little between requests, as people and proxies
 * do, so that the load is about the same on every machine.
 */
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Address, Client, fieldValue, type Response } from "../support/client.ts";
import { eventually } from "../support/wait.ts";
import { Random } from "../unit/random.ts";
import type { Kind, Ledger, Outcome } from "./ledger.ts";

const KEEPERS = 10;
const SINGLES = 3;
const SLOW = 2;
const VANISHERS = 1;

const THINK_MS = 20;
const SLOW_PART_MS = 40;
const UPLOAD_BYTES = 60_000;
const TINY_CHUNKS = 3000;
/** Longer than any answer may take: the server's timeout, a restart, and a machine with much else to do. */
const ANSWER_MS = 25_000;

/** What clients ask for, some of it more often. */
const KEPT: readonly Kind[] = [
  "quick",
  "quick",
  "quick",
  "quick",
  "work",
  "work",
  "stream",
  "upload",
  "leak",
];

interface Request {
  readonly id: number;
  readonly kind: Kind;
  readonly head: string;
  readonly body: string;
  /** The body as it is sent. */
  readonly sent: string;
}

export class Traffic {
  answered = 0;
  /** Of the last right answer. */
  latest = { version: "", arbiter: 0 };
  readonly #addresses: readonly Address[];
  readonly #ledger: Ledger;
  readonly #clients: Promise<void>[] = [];
  #isOver = false;

  constructor(addresses: readonly Address[], ledger: Ledger, seed: number) {
    this.#addresses = addresses;
    this.#ledger = ledger;
    const start = (count: number, run: (random: Random) => Promise<void>): void => {
      for (let nr = 0; nr < count; nr++) {
        const random = new Random(seed * 1000 + this.#clients.length + 1);
        this.#clients.push(this.#untilOver(run, random));
      }
    };
    start(KEEPERS, (random) => this.#keep(random));
    start(SINGLES, (random) => this.#single(random));
    start(SLOW, (random) => this.#slow(random));
    start(VANISHERS, (random) => this.#vanish(random));
  }

  /** Begins nothing new; resolves when all that was begun is over. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  /** A request of its own; what it brought. */
  async ask(kind: Kind, address = this.#addresses[0] as Address): Promise<Outcome> {
    const connection = await this.#connect(address);
    if (connection === undefined) return "refused";
    const outcome = await this.#exchange(connection, kind, "Connection: close\r\n");
    connection.client.close();
    return outcome;
  }

  /** When an answer has come from this version of the application, or this arbiter. */
  async hears(isSo: (latest: { version: string; arbiter: number }) => boolean): Promise<void> {
    await eventually(() => isSo(this.latest));
  }

  async #untilOver(run: (random: Random) => Promise<void>, random: Random): Promise<void> {
    while (!this.#isOver) {
      await run(random);
      await pause(random.below(THINK_MS));
    }
  }

  async #connect(address: Address): Promise<Connection | undefined> {
    const connectedMs = performance.now();
    try {
      return { connectedMs, idleSinceMs: -1, client: await Client.connect(address) };
    } catch (error) {
      this.#ledger.note({
        id: this.#ledger.nextId(),
        kind: "quick",
        connectedMs,
        sentMs: connectedMs,
        idleSinceMs: -1,
        endedMs: performance.now(),
        outcome: "refused",
        detail: (error as Error).message,
      });
      return undefined;
    }
  }

  // -- those who behave -------------------------------------------------------------------------------------

  async #keep(random: Random): Promise<void> {
    const connection = await this.#connect(random.pick(this.#addresses));
    if (connection === undefined) return;
    for (let left = random.between(1, 40); left > 0 && !this.#isOver; left--) {
      const outcome = await this.#exchange(connection, random.pick(KEPT));
      if (typeof outcome === "number") await this.#expectNothingMore(connection);
      if (outcome !== "right" || connection.isClosing === true) break;
      await pause(random.below(THINK_MS));
    }
    connection.client.close();
  }

  async #single(random: Random): Promise<void> {
    const connection = await this.#connect(random.pick(this.#addresses));
    if (connection === undefined) return;
    const outcome = await this.#exchange(connection, random.pick(KEPT), "Connection: close\r\n");
    if (outcome === "right" || typeof outcome === "number") await this.#expectNothingMore(connection);
    connection.client.close();
  }

  async #exchange(connection: Connection, kind: Kind, fields = ""): Promise<Outcome> {
    const request = this.#request(kind, fields);
    const sentMs = performance.now();
    connection.client.send(request.head + request.sent);
    return this.#answer(connection, request, sentMs);
  }

  /** A second answer to one request would be the first to the next, or stand here. */
  async #expectNothingMore({ client }: Connection): Promise<void> {
    const rest = await client.rest();
    if (rest !== "") this.#ledger.complain(`after the last answer there was: ${JSON.stringify(rest)}`);
  }

  // -- those who do not -------------------------------------------------------------------------------------

  /** Sends in pieces, or reads with pauses. */
  async #slow(random: Random): Promise<void> {
    const connection = await this.#connect(random.pick(this.#addresses));
    if (connection === undefined) return;
    const { client } = connection;
    const kind = random.pick<Kind>(["upload", "large"]);
    const request = kind === "upload" && random.below(2) === 0 ? this.#inTinyChunks() : this.#request(kind);
    const text = request.head + request.sent;
    const part = Math.ceil(text.length / 5);
    const sentMs = performance.now();
    for (let at = 0; at < text.length; at += part) {
      client.send(text.slice(at, at + part));
      await pause(random.below(SLOW_PART_MS));
    }
    if (kind === "large") {
      client.pause();
      await pause(SLOW_PART_MS * 5);
      client.resume();
    }
    await this.#answer(connection, request, sentMs);
    client.close();
  }

  /** The beginning of the body is a chunk for each byte. */
  #inTinyChunks(): Request {
    const request = this.#request("upload");
    const [tiny, rest] = [request.body.slice(0, TINY_CHUNKS), request.body.slice(TINY_CHUNKS)];
    const chunks = [...tiny].map((byte) => `1\r\n${byte}\r\n`).join("");
    return {
      ...request,
      head: request.head.replace(/Content-Length: \d+/, "Transfer-Encoding: chunked"),
      sent: `${chunks}${rest.length.toString(16)}\r\n${rest}\r\n0\r\n\r\n`,
    };
  }

  async #vanish(random: Random): Promise<void> {
    const address = random.pick(this.#addresses);
    const connection = await this.#connect(address);
    if (connection === undefined) return;
    const request = this.#request(random.pick<Kind>(["quick", "work", "upload", "large"]));
    const text = request.head + request.sent;
    const sentMs = performance.now();
    connection.client.send(random.below(2) === 0 ? text : text.slice(0, random.below(text.length)));
    await pause(random.below(SLOW_PART_MS));
    if ("port" in address) connection.client.reset();
    else connection.client.close();
    this.#note(connection, request, sentMs, "left");
  }

  // -- answers ----------------------------------------------------------------------------------------------

  #request(kind: Kind, fields = ""): Request {
    const id = this.#ledger.nextId();
    const body = kind === "upload" ? `${id}.`.repeat(UPLOAD_BYTES / 4).slice(0, UPLOAD_BYTES) : "";
    const method = kind === "upload" ? `POST` : "GET";
    const length = kind === "upload" ? `Content-Length: ${body.length}\r\n` : "";
    return {
      id,
      kind,
      body,
      sent: body,
      head: `${method} /${kind}/${id} HTTP/1.1\r\nHost: x\r\n${length}${fields}\r\n`,
    };
  }

  async #answer(connection: Connection, request: Request, sentMs: number): Promise<Outcome> {
    const late = setTimeout(() => {
      this.#ledger.complain(`request ${request.id} (${request.kind}) had no answer after ${ANSWER_MS} ms`);
      connection.client.close();
    }, ANSWER_MS);
    const response = await connection.client.maybeResponse("GET");
    clearTimeout(late);
    const outcome = outcomeOf(request, response);
    if (response !== undefined && outcome === "right") {
      this.answered++;
      const [version = "", arbiter = "0"] = ["x-version", "x-arbiter"].map((name) =>
        fieldValue(response.fields, name),
      );
      if (arbiter !== "0") this.latest = { version, arbiter: Number(arbiter) };
      connection.isClosing = fieldValue(response.fields, "connection") === "close";
    }
    const detail = response === undefined ? "" : `${response.statusLine}: ${response.body.slice(0, 60)}`;
    this.#note(connection, request, sentMs, outcome, outcome === "right" ? "" : detail);
    return outcome;
  }

  #note(connection: Connection, request: Request, sentMs: number, outcome: Outcome, detail = ""): void {
    const { id, kind } = request;
    const { connectedMs, idleSinceMs } = connection;
    const endedMs = performance.now();
    connection.idleSinceMs = endedMs;
    this.#ledger.note({ id, kind, connectedMs, sentMs, idleSinceMs, endedMs, outcome, detail });
  }
}

interface Connection {
  readonly client: Client;
  /** When it was begun. */
  readonly connectedMs: number;
  /** When the last answer came; -1 before the first. */
  idleSinceMs: number;
  /** The server has said so. */
  isClosing?: boolean;
}

function outcomeOf({ id, kind, body }: Request, response: Response | undefined): Outcome {
  if (response === undefined) return "none";
  const status = Number(response.statusLine.split(" ")[1]);
  if (response.framing === "cut") return "cut";
  if (status !== 200) return status;
  const isOwn = fieldValue(response.fields, "x-request") === String(id);
  return isOwn && response.body === expectedBody(kind, id, body) ? "right" : "wrong";
}

const STREAM_PARTS = 4;
const LARGE_BYTES = 3_000_000;

function expectedBody(kind: Kind, id: number, body: string): string {
  const line = `${id}\n`;
  if (kind === "stream") return line.repeat(STREAM_PARTS);
  if (kind === "large") return line.repeat(Math.floor(LARGE_BYTES / line.length));
  if (kind !== "upload") return String(id);
  return `${id} ${body.length} ${createHash("sha1").update(body).digest("hex")}`;
}
