import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { maybeBacklog } from "../../../src/arbiter/backlog.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const HEADER =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const line = (address: string, state: string, queues: string): string =>
  `   0: ${address} 00000000:0000 ${state} ${queues} 00:00000000 00000000  1000        0 12345 1 0 100 0 0 10 0`;

const tcp = (port: number) => ({ kind: "tcp", host: "127.0.0.1", port }) as const;

it("adds up the accept queues of the listeners, and of nothing else", () => {
  const directory = temporaryDirectory();
  writeFileSync(
    join(directory, "tcp"),
    [
      HEADER,
      line("0100007F:1F40", "0A", "00000000:00000003"),
      line("0100007F:1F40", "01", "00000000:00000FFF"),
      line("0100007F:1F42", "0A", "00000000:00000007"),
    ].join("\n"),
  );
  writeFileSync(
    join(directory, "tcp6"),
    [HEADER, line("00000000000000000000000001000000:1F41", "0A", "00000000:00000010")].join("\n"),
  );
  assert.equal(maybeBacklog([tcp(8000)], directory), 3);
  assert.equal(maybeBacklog([tcp(8000), tcp(8001)], directory), 19);
  assert.equal(maybeBacklog([tcp(9000)], directory), undefined);
  assert.equal(maybeBacklog([{ kind: "unix", host: "/socket", port: 0 }], directory), undefined);
});

it("knows nothing where the system does not tell", () => {
  assert.equal(maybeBacklog([tcp(8000)], join(temporaryDirectory(), "missing")), undefined);
});
