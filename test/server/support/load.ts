/**
 * Steady requests over keep-alive connections, every answer checked, until it is told to stop.
 *
 * A response that says `Connection: close` is followed by a new connection, as any client does it; a connection that ends
 * without a response is a lost request.
 */
import { type Address, Client, fieldValue, type Response } from "../../support/client.ts";
import { eventually } from "../../support/wait.ts";

export class Load {
  answered = 0;
  readonly #address: Address;
  readonly #path: string;
  readonly #expected: RegExp;
  readonly #wrong: string[] = [];
  readonly #clients: Promise<void>[];
  #isOver = false;

  constructor(address: Address, path: string, expected: RegExp, connections = 8) {
    this.#address = address;
    this.#path = path;
    this.#expected = expected;
    this.#clients = Array.from({ length: connections }, () => this.#run());
  }

  /** When so many requests have been answered. */
  reaches(count: number): Promise<void> {
    return eventually(() => this.answered >= count || this.#wrong.length > 0);
  }

  /** What was not answered as it should be. */
  async stop(): Promise<readonly string[]> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    return this.#wrong;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const client = await Client.connect(this.#address);
      while (!this.#isOver && (await this.#ask(client)));
      client.close();
    }
  }

  /** Whether the connection can be used again. */
  async #ask(client: Client): Promise<boolean> {
    client.send(`GET ${this.#path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const response = await client.maybeResponse("GET");
    if (response === undefined || !this.#isRight(response)) {
      this.#wrong.push(response === undefined ? "no response" : `${response.statusLine}: ${response.body}`);
      return false;
    }
    this.answered++;
    return fieldValue(response.fields, "connection") !== "close";
  }

  #isRight({ statusLine, body }: Response): boolean {
    return statusLine === "HTTP/1.1 200 OK" && this.#expected.test(body);
  }
}
