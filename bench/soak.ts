/**
 * Many requests of every kind for a long time, and clients that leave in the middle of an upload or a download: nothing may grow.
 *
 *   node bench/soak.ts [--requests 1000000] [--connections 64] [--samples 20]
 *
 * File descriptors, spool files and memory (Pss) of every process of the server are looked at between equal parts of the
 * run, when no request is in work. The exit code is 1 when an answer was wrong, or when the second half of the samples shows
 * growth: more descriptors or spool files than any of the first half, or in the arbiter, the gateway or the Python processes more
 * memory than those by a tenth and 8 MiB.
 */
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DIFFICULT } from "./applications.ts";
import { type Sample, sampleOf } from "./difficult/sample.ts";
import { Served } from "./served.ts";
import { TUNICORN_SERVER } from "./servers.ts";

const { values: options } = parseArgs({
  options: {
    requests: { type: "string", default: "1000000" },
    connections: { type: "string", default: "64" },
    samples: { type: "string", default: "20" },
  },
});
const requests = Number(options.requests);
const samples = Number(options.samples);
const connections = Number(options.connections);

const SLACK_BYTES = 8 * 1024 * 1024;
const LARGE_BYTES = 10 * 1024 * 1024;
const SMALL_UPLOAD = Buffer.alloc(2_000, "s");
const SPOOLED_UPLOAD = Buffer.alloc(200_000, "l");

type Kind = "small" | "upload" | "spooled upload" | "download" | "left upload" | "left download";

/** Of a thousand requests. */
const SHARES: ReadonlyArray<readonly [Kind, number]> = [
  ["small", 940],
  ["upload", 30],
  ["spooled upload", 10],
  ["left upload", 10],
  ["left download", 9],
  ["download", 1],
];

function someKind(): Kind {
  let nr = randomInt(1000);
  for (const [kind, share] of SHARES) {
    nr -= share;
    if (nr < 0) return kind;
  }
  return "small";
}

class Soak {
  wrong = 0;
  readonly #url: URL;
  #agent = new Agent();

  constructor(url: string) {
    this.#url = new URL(url);
  }

  async run(count: number): Promise<void> {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    let left = count;
    const one = async (): Promise<void> => {
      while (left-- > 0) if (!(await this.#request(someKind()))) this.wrong++;
    };
    await Promise.all(Array.from({ length: connections }, one));
    this.#agent.destroy(); // what is counted then is the server's own
  }

  #request(kind: Kind): Promise<boolean> {
    if (kind === "small") return this.#exchange("/", null, "Hello, world!\n".length);
    if (kind === "upload") return this.#exchange("/", SMALL_UPLOAD, String(SMALL_UPLOAD.length).length);
    if (kind === "spooled upload")
      return this.#exchange("/", SPOOLED_UPLOAD, String(SPOOLED_UPLOAD.length).length);
    if (kind === "download") return this.#exchange("/large", null, LARGE_BYTES);
    return kind === "left upload" ? this.#leaveUpload() : this.#leaveDownload();
  }

  /** Whether the answer is 200 with a body of that length. */
  #exchange(path: string, body: Buffer | null, expectedBytes: number): Promise<boolean> {
    return new Promise((resolve) => {
      const method = body === null ? "GET" : "POST";
      // A tenth without keep-alive.
      const agent = randomInt(10) === 0 ? false : this.#agent;
      const request = httpRequest(new URL(path, this.#url), { method, agent });
      request.once("error", () => resolve(false));
      request.once("response", (response: IncomingMessage) => {
        let bytes = 0;
        response.on("data", (part: Buffer) => {
          bytes += part.length;
        });
        response.once("close", () => resolve(response.statusCode === 200 && bytes === expectedBytes));
      });
      request.end(body ?? undefined);
    });
  }

  #leaveUpload(): Promise<boolean> {
    return new Promise((resolve) => {
      const headers = { "Content-Length": String(SPOOLED_UPLOAD.length) };
      const request = httpRequest(this.#url, { method: "POST", agent: false, headers });
      request.on("error", () => {}); // it is we who leave
      request.once("close", () => resolve(true));
      request.write(SPOOLED_UPLOAD.subarray(0, randomInt(SPOOLED_UPLOAD.length)), () => request.destroy());
    });
  }

  #leaveDownload(): Promise<boolean> {
    return new Promise((resolve) => {
      const request = httpRequest(new URL("/large", this.#url), { agent: false });
      request.on("error", () => {});
      request.once("response", (response: IncomingMessage) => {
        response.on("error", () => {});
        response.once("data", () => request.destroy());
      });
      request.once("close", () => resolve(true));
      request.end();
    });
  }
}

function growth(taken: readonly Sample[]): string[] {
  const middle = Math.ceil(taken.length / 2);
  const most = (of: readonly Sample[], aspect: keyof Sample): number =>
    Math.max(...of.map((each) => each[aspect]));
  const [first, second] = [taken.slice(0, middle), taken.slice(middle)];
  const complaints: string[] = [];
  for (const aspect of ["descriptors", "spoolFiles"] as const) {
    if (most(second, aspect) > most(first, aspect)) complaints.push(aspect);
  }
  for (const aspect of ["arbiterBytes", "gatewayBytes", "pythonBytes"] as const) {
    if (most(second, aspect) > most(first, aspect) * 1.1 + SLACK_BYTES) complaints.push(aspect);
  }
  return complaints;
}

execFileSync(join(import.meta.dirname, "setup.sh"), { stdio: ["ignore", "inherit", "inherit"] });
const served = await Served.start(TUNICORN_SERVER, DIFFICULT, { workers: 2 });
const soak = new Soak(served.url);
const taken: Sample[] = [];
console.log(`${requests} requests, ${connections} connections, 2 workers\n`);
console.log("| requests | descriptors | spool files | MiB: arbiter | gateway | zygote and workers |");
console.log("|---|---|---|---|---|---|");
for (let part = 1; part <= samples; part++) {
  await soak.run(Math.ceil(requests / samples));
  const sample = await sampleOf(served.pid);
  taken.push(sample);
  const { descriptors, spoolFiles, arbiterBytes, gatewayBytes, pythonBytes } = sample;
  const memory = [arbiterBytes, gatewayBytes, pythonBytes].map((bytes) => (bytes / 1024 / 1024).toFixed(1));
  const done = Math.ceil(requests / samples) * part;
  console.log(`| ${done} | ${descriptors} | ${spoolFiles} | ${memory.join(" | ")} |`);
}
await served.stop();
const complaints = growth(taken);
console.log(`\n${soak.wrong} wrong answers; growing: ${complaints.join(", ") || "nothing"}`);
process.exitCode = soak.wrong > 0 || complaints.length > 0 ? 1 : 0;
