/**
 * The control socket: one for each instance, in a directory that only its user may enter. `gunicornc` can talk to it.
 *
 * Gunicorn's default is one path for all instances of a user, each of which takes it from the one before; ours is the
 * instance's own, and a path that the operator has set is not taken from an instance that lives. Whatever fails here is
 * told and does not concern the serving: what a client sends costs at most its own connection.
 *
 * Runs in: arbiter.
 */
import { lstatSync, mkdirSync, rmSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { asUser, canRootName } from "../as-user.ts";
import {
  type ControlResponse,
  encodeFrame,
  FrameReader,
  MAX_REQUEST_BYTES,
  readRequest,
} from "../control/frames.ts";
import type { Identity } from "../identity.ts";
import { Contradiction, guarded } from "../last-resort.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import { quoted } from "../logging/quoted.ts";
import { type Controlled, execute } from "./control-commands.ts";

/** Gunicorn's: how long a client may say nothing, ms. */
const IDLE_MS = 300_000;
const ALL = 0o777;
/** Clients at a time; more are refused. */
const MAX_CLIENTS = 64;
/** Bytes of answers that a client may leave unread. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

export class ControlServer {
  readonly #controlled: Controlled;
  readonly #log: ErrorLog;
  readonly #server: Server;

  constructor(controlled: Controlled, log: ErrorLog) {
    this.#controlled = controlled;
    this.#log = log;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = MAX_CLIENTS;
    this.#server.on("error", (error) => log.error(`Control server error: ${error.message}`));
  }

  /** `isOwn`: nobody else can have anything there. `identity`: the user of the settings, who may be able to change the path. */
  async listen(path: string, mode: number, isOwn: boolean, identity: Identity | null): Promise<void> {
    const maker = (): Identity | null => (isOwn || canRootName(path, identity) ? null : identity);
    try {
      if (!isOwn) await makeRoom(path, maker, identity);
    } catch (error) {
      this.#log.error(`Control server error: ${(error as Error).message}`);
      return;
    }
    asUser(maker(), () => {
      // So it has its mode from the beginning: to change that later would be to trust the path once more.
      const before = process.umask(ALL & ~mode);
      this.#server.listen(path, () => {
        guarded(this.#log, "opening the control socket", () => {
          process.once("exit", () => this.#remove(path, maker()));
          this.#log.write(isOwn ? "debug" : "info", `Control socket listening at ${path}`);
        });
      });
      process.umask(before);
    });
  }

  #remove(path: string, maker: Identity | null): void {
    try {
      asUser(maker, () => rmSync(path, { force: true }));
    } catch (error) {
      this.#log.warning(`Control socket not removed: ${(error as Error).message}`);
    }
  }

  /** No more clients; those that are connected are served still. */
  close(): void {
    this.#server.close();
  }

  #serve(socket: Socket): void {
    const reader = new FrameReader(MAX_REQUEST_BYTES);
    let turn = Promise.resolve();
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      try {
        for (const message of reader.read(bytes)) {
          // One answer after the other, also when one takes its time.
          turn = turn.then(() => this.#answer(socket, message));
        }
      } catch {
        socket.destroy(); // no such protocol
      }
    });
  }

  async #answer(socket: Socket, message: unknown): Promise<void> {
    if (socket.destroyed) return;
    const answer = encodeFrame(await this.#response(message));
    socket.write(answer);
    if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
  }

  async #response(message: unknown): Promise<ControlResponse> {
    let id = 0;
    try {
      const request = readRequest(message);
      id = request.id;
      const data = await execute(this.#controlled, request.command.trim(), request.args);
      return { id, status: "ok", data };
    } catch (error) {
      if (error instanceof Contradiction) throw error; // ends the process, as an unhandled rejection
      return { id, status: "error", error: quoted((error as Error).message) };
    }
  }
}

/**
 * Removes what a dead instance has left. `maker`: who can, as things are now. Throws Error when somebody listens there, or when it is
 * no socket.
 */
async function makeRoom(
  path: string,
  maker: () => Identity | null,
  identity: Identity | null,
): Promise<void> {
  asUser(maker(), () => mkdirSync(dirname(path), { recursive: true, mode: 0o700 }));
  const found = asUser(maker(), () => lstatSync(path, { throwIfNoEntry: false }));
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`'${path}' is not a socket`);
  // What is not root's may be a link by now.
  const asker = found.uid === 0 ? maker() : identity;
  if (await isListening(path, asker)) throw new Error(`${path} is another instance's`);
  asUser(maker(), () => unlinkSync(path));
}

function isListening(path: string, asker: Identity | null): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = asUser(asker, () => connect(path));
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
