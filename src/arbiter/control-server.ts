/**
 * The control socket: one for each instance, in a directory that only its user may enter. `gunicornc` can talk to it.
 *
 * Gunicorn's default is one path for all instances of a user, each of which takes it from the one before; ours is the
 * instance's own, and a path that the operator has set is not taken from an instance that lives. Whatever fails here is
 * told and does not concern the serving.
 *
 * Runs in: arbiter.
 */
import { chmodSync, lstatSync, mkdirSync, rmSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { type ControlRequest, encodeFrame, FrameReader } from "../control/frames.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import { type Controlled, execute } from "./control-commands.ts";

/** Gunicorn's: how long a client may say nothing, ms. */
const IDLE_MS = 300_000;

export class ControlServer {
  readonly #controlled: Controlled;
  readonly #log: ErrorLog;
  readonly #server: Server;

  constructor(controlled: Controlled, log: ErrorLog) {
    this.#controlled = controlled;
    this.#log = log;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.on("error", (error) => log.error(`Control server error: ${error.message}`));
  }

  /** `isOwn`: nobody else can have anything there. */
  async listen(path: string, mode: number, isOwn: boolean): Promise<void> {
    try {
      if (!isOwn) await makeRoom(path);
    } catch (error) {
      this.#log.error(`Control server error: ${(error as Error).message}`);
      return;
    }
    // Closed to all until it has its mode.
    const before = process.umask(0o777);
    this.#server.listen(path, () => {
      chmodSync(path, mode);
      process.once("exit", () => rmSync(path, { force: true }));
      this.#log.write(isOwn ? "debug" : "info", `Control socket listening at ${path}`);
    });
    process.umask(before);
  }

  #serve(socket: Socket): void {
    const reader = new FrameReader();
    let turn = Promise.resolve();
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      try {
        for (const message of reader.read(bytes)) {
          // One answer after the other, also when one takes its time.
          turn = turn.then(() => this.#answer(socket, message as ControlRequest));
        }
      } catch {
        socket.destroy(); // no such protocol
      }
    });
  }

  async #answer(socket: Socket, { id = 0, command = "", args = [] }: ControlRequest): Promise<void> {
    try {
      const data = await execute(this.#controlled, String(command).trim(), args);
      socket.write(encodeFrame({ id, status: "ok", data }));
    } catch (error) {
      socket.write(encodeFrame({ id, status: "error", error: (error as Error).message }));
    }
  }
}

/** Removes what a dead instance has left. Throws Error when somebody listens there. */
async function makeRoom(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  if (await isListening(path)) throw new Error(`${path} is another instance's`);
  unlinkSync(path);
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
