/**
 * A client that sends bytes as they are and shows what comes back as it is: nothing is repaired, so that a difference on
 * the wire is a difference in the test.
 */
import { connect, type Socket } from "node:net";

export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** How the body of a response was delimited; "cut" when it ended before it was complete. */
export type Framing = "none" | "length" | "chunked" | "close" | "cut";

export interface Response {
  readonly statusLine: string;
  /** As sent, in order. */
  readonly fields: readonly string[];
  /** Latin-1 text, without the framing. */
  readonly body: string;
  readonly framing: Framing;
  /** Sizes of the chunks as they stood there. */
  readonly chunks: readonly string[];
}

const CRLF = "\r\n";
const PATIENCE_MS = 30_000;

export class Client {
  readonly #socket: Socket;
  readonly #localPort: number;
  #received = "";
  #isOver = false;
  #isReset = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#localPort = socket.localPort ?? 0;
    socket.setEncoding("latin1");
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.on("data", (text: string) => {
      this.#received += text;
      this.#wake();
    });
    const over = (): void => {
      this.#isOver = true;
      this.#wake();
    };
    // A reset is an end too; what matters is how much of the response had arrived.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#isReset = error.code === "ECONNRESET";
      over();
    });
    socket.on("end", over);
    socket.on("close", over);
  }

  static async connect(address: Address): Promise<Client> {
    const socket = connect({ noDelay: true, ...address });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new Client(socket);
  }

  /** Latin-1 text. */
  send(text: string): void {
    if (!this.#isOver) this.#socket.write(text, "latin1");
  }

  /** Resolves when the system has taken it, so that what follows is a packet of its own. */
  sendNow(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.write(text, "latin1", () => resolve());
    });
  }

  /** The next response to a request with `method`, an interim one (1xx) too; undefined when the connection ends before. */
  async maybeResponse(method: string): Promise<Response | undefined> {
    const head = await this.#upTo(CRLF + CRLF);
    if (head === undefined) return undefined;
    const [statusLine = "", ...fields] = head.split(CRLF).slice(0, -2);
    const status = Number(statusLine.split(" ")[1]);
    const hasBody = method !== "HEAD" && status >= 200 && status !== 204 && status !== 304;
    if (!hasBody) return { statusLine, fields, body: "", framing: "none", chunks: [] };
    return { statusLine, fields, ...(await this.#body(fields)) };
  }

  /** Everything up to and with `text`; what there is when the connection ends before. */
  async until(text: string): Promise<string> {
    return (await this.#upTo(text)) ?? this.#take(this.#received.length);
  }

  /** Everything up to the end of the connection. */
  async rest(): Promise<string> {
    await this.#until(() => this.#isOver);
    return this.#take(this.#received.length);
  }

  /** Whether the connection ends, once it does, by a reset. */
  async isReset(): Promise<boolean> {
    await this.#until(() => this.#isOver);
    return this.#isReset;
  }

  /** Takes nothing more from the system, so that the peer cannot send either once its buffers are full. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Its own end of the connection; 0 on a Unix socket and after the end. */
  get localPort(): number {
    return this.#localPort;
  }

  /** Sends no more, reads on. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Closes so that the peer sees a reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  async #body(fields: readonly string[]): Promise<Pick<Response, "body" | "framing" | "chunks">> {
    if (fieldValue(fields, "transfer-encoding") === "chunked") return this.#chunkedBody();
    const length = fieldValue(fields, "content-length");
    if (length === undefined) return { body: await this.rest(), framing: "close", chunks: [] };
    const isWhole = await this.#until(() => this.#received.length >= Number(length));
    const body = this.#take(Number(length));
    return { body, framing: isWhole ? "length" : "cut", chunks: [] };
  }

  async #chunkedBody(): Promise<Pick<Response, "body" | "framing" | "chunks">> {
    const chunks: string[] = [];
    let body = "";
    for (;;) {
      const sizeLine = await this.#upTo(CRLF);
      if (sizeLine === undefined) return { body: body + this.#received, framing: "cut", chunks };
      const size = sizeLine.slice(0, -CRLF.length);
      chunks.push(size);
      const length = Number.parseInt(size, 16);
      if (!(await this.#until(() => this.#received.length >= length + 2)))
        return { body, framing: "cut", chunks };
      body += this.#take(length);
      this.#take(2);
      if (length === 0) return { body, framing: "chunked", chunks };
    }
  }

  /** Takes everything up to and with `end`; undefined when the connection ends before. */
  async #upTo(end: string): Promise<string | undefined> {
    if (!(await this.#until(() => this.#received.includes(end)))) return undefined;
    return this.#take(this.#received.indexOf(end) + end.length);
  }

  #take(length: number): string {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  /** False when the connection ended and it is still not so. */
  async #until(isSo: () => boolean): Promise<boolean> {
    while (!isSo()) {
      if (this.#isOver) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return true;
  }
}

/** The value of the first field of this name (lower case). */
export function fieldValue(fields: readonly string[], name: string): string | undefined {
  const field = fields.find((each) => each.toLowerCase().startsWith(`${name}:`));
  return field?.slice(name.length + 1).trim();
}

/** Responses with status 1xx that came first, and the response proper, if it came. */
export interface Answer {
  readonly interim: readonly Response[];
  readonly final: Response | undefined;
}

export async function maybeAnswer(client: Client, method: string): Promise<Answer> {
  const interim: Response[] = [];
  for (;;) {
    const response = await client.maybeResponse(method);
    if (response === undefined || !isInterim(response)) return { interim, final: response };
    interim.push(response);
  }
}

function isInterim({ statusLine }: Response): boolean {
  return /^HTTP\/\d\.\d 1\d\d /.test(statusLine);
}

/** One request on a connection of its own. */
export async function ask(address: Address, request: string): Promise<Answer> {
  const client = await Client.connect(address);
  client.send(request);
  const answer = await maybeAnswer(client, request.slice(0, request.indexOf(" ")));
  client.close();
  return answer;
}
