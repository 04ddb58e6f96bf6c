/**
 * What the real Python makes of marshal bytes: one process, one answer for each dict.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

/** Length and bytes in; out comes a line with the pairs, and whether every key is the interned object of its text. */
const PROGRAM = `
import json, marshal, sys
while size := sys.stdin.buffer.read(4):
    pairs = marshal.loads(sys.stdin.buffer.read(int.from_bytes(size, "little")))
    assert type(pairs) is dict
    interned = [name for name in pairs if name is sys.intern(name)]
    print(json.dumps({"pairs": list(pairs.items()), "interned": interned}), flush=True)
`;

export interface Unmarshalled {
  readonly pairs: readonly (readonly [name: string, value: string])[];
  /** Names that are the one object which Python has for their text. */
  readonly interned: readonly string[];
}

export class PythonMarshal {
  readonly #process: ChildProcessWithoutNullStreams = spawn("python3", ["-c", PROGRAM]);
  readonly #lines: Interface = createInterface(this.#process.stdout);
  readonly #answers = this.#lines[Symbol.asyncIterator]();
  #errors = "";

  constructor() {
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
    // What it had to say comes with the answer that is missing.
    this.#process.stdin.on("error", () => {});
  }

  async loads(bytes: Uint8Array): Promise<Unmarshalled> {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(bytes.length);
    this.#process.stdin.write(size);
    this.#process.stdin.write(Buffer.from(bytes));
    const answer = await this.#answers.next();
    if (answer.done) throw new Error(`Python ended: ${this.#errors}`);
    return JSON.parse(answer.value) as Unmarshalled;
  }

  close(): void {
    this.#process.stdin.end();
  }
}
