/**
 * The StatsD datagrams beside real Gunicorn's: the same ones for the same requests. Durations are compared by their form.
 */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { after, it } from "node:test";
import { ask } from "../support/client.ts";
import { type Both, cleanUp, ofBoth, type Program, startBoth } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { Differences } from "./support/differences.ts";

const differences = new Differences("metrics");
const sockets: Socket[] = [];

/** A StatsD server, and what it has got. */
async function statsdServer(): Promise<{ readonly port: number; readonly got: string[] }> {
  const socket = createSocket("udp4");
  const got: string[] = [];
  socket.on("message", (bytes) => got.push(bytes.toString("latin1")));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  sockets.push(socket);
  return { port: socket.address().port, got };
}

after(async () => {
  await cleanUp();
  for (const socket of sockets) socket.close();
});

const request = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;

/** The durations differ, and the backlog may be told any number of times. */
function comparable(datagrams: readonly string[]): string {
  const lines = datagrams.map((each) =>
    each.replace(/(duration|queued):\d+\.\d+\|ms/, "$1:SECONDS|ms").replace(/backlog:\d+/, "backlog:N"),
  );
  return [
    ...new Set(lines.filter((each) => each.includes("backlog"))),
    ...lines.filter((each) => !each.includes("backlog")),
  ]
    .sort()
    .join("\n");
}

for (const [title, words, row] of [
  ["plain", []],
  ["with a prefix and tags", ["--statsd-prefix", "svc.", "--dogstatsd-tags", "a:b,c"]],
  ["with a prefix of one letter", ["--statsd-prefix", "s"], "metrics: prefix of one letter"],
  ["with the backlog", ["--statsd-prefix", "svc", "--enable-backlog-metric"]],
] as const) {
  it(`sends Gunicorn's datagrams, ${title}`, async () => {
    const servers: Both<Awaited<ReturnType<typeof statsdServer>>> = await ofBoth(() => statsdServer());
    const pair = startBoth((program: Program) => [
      "--bind",
      "127.0.0.1:0",
      "--workers",
      "2",
      "--statsd-host",
      `127.0.0.1:${servers[program].port}`,
      ...words,
      "responder",
    ]);
    const observed = await ofBoth(async (program) => {
      const address = await pair[program].address();
      const { got } = servers[program];
      for (const path of ["/hello", "/no-content", "/raising"]) await ask(address, request(path));
      const wanted = [
        "workers:2",
        "status.500",
        "log.exception",
        ...(title.includes("backlog") ? ["backlog"] : []),
      ];
      await eventually(() => wanted.every((each) => got.some((datagram) => datagram.includes(each))));
      return { datagrams: comparable(got) };
    });
    assert.match(observed.tunicorn.datagrams, /gunicorn\.requests:1\|c\|@1\.0/);
    const rows = ["metrics: time in the queue", ...(row === undefined ? [] : [row])];
    differences.compare(observed, { datagrams: rows });
  });
}

it("shows every documented difference of the metrics", () => differences.assertAllOccurred());
