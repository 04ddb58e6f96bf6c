/**
 * Clients that no server likes: each has a connection and a beat, at which it does a little.
 */
import { connect, type Socket } from "node:net";

/** Connections that are being made at a time: the backlog is not what is measured. */
const AT_ONCE = 200;
/** A server that these clients bring to a halt does not make them ready. */
const READY_MS = 8000;
const UPLOAD_BYTES = 10 * 1024 * 1024;

export type ClientClass = new (socket: Socket) => Client;

interface Client {
  /** How often `onBeat` is called, ms; 0: never. */
  readonly beatMs: number;
  onBeat?(): void;
  /** Settles when the client is where it wants to stay. */
  readonly isReady: Promise<unknown>;
}

/** Sends the head of a request, a byte every 5 seconds. */
export class SlowHead implements Client {
  readonly beatMs = 5000;
  readonly isReady = Promise.resolve();
  readonly #socket: Socket;
  #rest = "GET / HTTP/1.1\r\nHost: slow\r\nX-Much: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\r\n";

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.resume();
  }

  onBeat(): void {
    this.#socket.write(this.#rest.slice(0, 1));
    this.#rest = this.#rest.slice(1);
  }
}

/** Uploads 100 bytes a second. */
export class SlowUpload implements Client {
  readonly beatMs = 1000;
  readonly isReady = Promise.resolve();
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.resume();
    socket.write(`POST / HTTP/1.1\r\nHost: slow\r\nContent-Length: ${UPLOAD_BYTES}\r\n\r\n`);
  }

  onBeat(): void {
    this.#socket.write("x".repeat(100));
  }
}

/** Asks for 10 MiB, and reads 1 KiB a second. */
export class SlowReader implements Client {
  readonly beatMs = 1000;
  readonly isReady: Promise<unknown>;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.pause();
    this.isReady = new Promise((resolve) => {
      socket.once("readable", resolve);
      socket.once("close", resolve);
    });
    socket.write("GET /large HTTP/1.1\r\nHost: slow\r\n\r\n");
  }

  onBeat(): void {
    this.#socket.read(1024);
  }
}

/** Has one response, and keeps the connection. */
export class IdleClient implements Client {
  readonly beatMs = 0;
  readonly isReady: Promise<unknown>;

  constructor(socket: Socket) {
    this.isReady = new Promise((resolve) => {
      socket.once("data", resolve);
      socket.once("close", resolve);
    });
    socket.write("GET / HTTP/1.1\r\nHost: idle\r\n\r\n");
  }
}

/** All of them, connected. */
export class Crowd {
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();

  get openCount(): number {
    return this.#sockets.size;
  }

  async add(port: number, host: string, ClientClass: ClientClass, isLate: Promise<unknown>): Promise<void> {
    const socket = connect({ port, host });
    socket.on("error", () => {}); // "close" follows, and what is still open is counted
    const isConnected = new Promise((resolve) => {
      socket.once("connect", resolve);
      socket.once("close", resolve);
    });
    await Promise.race([isConnected, isLate]);
    if (socket.connecting) socket.destroy();
    if (socket.destroyed) return;
    this.#sockets.add(socket);
    const client = new ClientClass(socket);
    const timer = client.beatMs === 0 ? null : this.#beat(client);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      if (timer !== null) clearInterval(timer);
    });
    await Promise.race([client.isReady, isLate]);
  }

  #beat(client: Client): NodeJS.Timeout {
    const timer = setInterval(() => client.onBeat?.(), client.beatMs);
    this.#timers.add(timer);
    return timer;
  }

  async leave(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const gone = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(gone);
  }
}

export async function connectAll(url: string, classes: readonly ClientClass[]): Promise<Crowd> {
  const { hostname, port } = new URL(url);
  const crowd = new Crowd();
  const rest = classes.values();
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise((resolve) => {
    timer = setTimeout(resolve, READY_MS);
  });
  const connectRest = async (): Promise<void> => {
    for (const each of rest) await crowd.add(Number(port), hostname, each, isLate);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, connectRest));
  clearTimeout(timer);
  return crowd;
}
