/** A request that a worker is on until the test lets it go; `hold` in apps/basics.py is the other side. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, maybeAnswer, type Response } from "../../support/client.ts";
import { fileAppears } from "../../support/wait.ts";
import type { Server } from "./server.ts";

export class HeldRequest {
  readonly client: Client;
  /** Of the worker that is on it. */
  readonly pid: number;

  private constructor(client: Client, pid: number) {
    this.client = client;
    this.pid = pid;
  }

  /** When the application has begun on it. */
  static async begin(server: Server, directory: string, name: string): Promise<HeldRequest> {
    const client = await server.connect();
    client.send(`GET /hold/${name}?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const pid = Number(await fileAppears(join(directory, `began-${name}`)));
    return new HeldRequest(client, pid);
  }

  /** The response to it; undefined when the connection ends without one. */
  async maybeResponse(): Promise<Response | undefined> {
    const { final } = await maybeAnswer(this.client, "GET");
    this.client.close();
    return final;
  }
}

/** All requests that are held, or will be, with this directory end. */
export function letGo(directory: string): void {
  writeFileSync(join(directory, "go"), "");
}
