import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { MarshalWriter, marshalKey } from "../../../src/queue/marshal.ts";
import { Random } from "../random.ts";
import { PythonMarshal } from "./python-marshal.ts";

type Pair = readonly [name: string, value: string];

const SEED = 3333;
const DICTS = 150;

const python = new PythonMarshal();
after(() => python.close());

function written(writer: MarshalWriter): Buffer {
  return Buffer.from(writer.buffer.subarray(0, writer.position));
}

function dict(pairs: readonly Pair[], write: (writer: MarshalWriter, pair: Pair) => void): Buffer {
  const writer = new MarshalWriter(1);
  writer.beginDict();
  for (const pair of pairs) write(writer, pair);
  writer.endDict();
  return written(writer);
}

const withFreshKeys = (pairs: readonly Pair[]): Buffer =>
  dict(pairs, (writer, [name, value]) => {
    writer.freshKey(name);
    writer.string(value);
  });

/** Letters of one, two, three and four bytes in UTF-8, without halves of a surrogate pair. */
const LETTERS = [..."aZ09 _-/%\0\n\"\\'{0zZau\x7f", "\x80", "\xe9", "\xff", "€", "語", "\ufffd", "🦄"];
/** Around the lengths at which the format, or the way of writing, changes. */
const LENGTHS = [0, 1, 23, 24, 25, 254, 255, 256, 257, 1000, 70_000];

function randomText(random: Random): string {
  const letters = random.below(2) === 0 ? LETTERS.filter((letter) => letter <= "\x7f") : LETTERS;
  const length = random.below(4) === 0 ? random.pick(LENGTHS) : random.below(40);
  return Array.from({ length }, () => random.pick(letters)).join("");
}

function randomPairs(random: Random): Pair[] {
  const pairs = new Map<string, string>();
  for (let left = random.below(12); left > 0; left--) pairs.set(randomText(random), randomText(random));
  return [...pairs];
}

describe("a marshal dict", () => {
  it("is what Python reads, whatever texts are in it", async () => {
    const random = new Random(SEED);
    for (let round = 0; round < DICTS; round++) {
      const pairs = randomPairs(random);
      const { pairs: read } = await python.loads(withFreshKeys(pairs));
      assert.deepEqual(read, pairs, `round ${round} of seed ${SEED}`);
    }
  });

  it("keeps every byte that came off the wire as the same latin-1 character", async () => {
    const wire = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("latin1");
    assert.deepEqual((await python.loads(withFreshKeys([["HTTP_X", wire]]))).pairs, [["HTTP_X", wire]]);
  });

  it("has keys that are Python's interned objects, kept ones and fresh ones", async () => {
    const kept = marshalKey("REQUEST_METHOD");
    const bytes = dict([["HTTP_X_FRESH", "1"]], (writer, [name, value]) => {
      writer.freshKey(name);
      writer.asciiString(value);
      writer.key(kept);
      writer.asciiString("GET");
    });
    const { pairs, interned } = await python.loads(bytes);
    assert.deepEqual(pairs, [
      ["HTTP_X_FRESH", "1"],
      ["REQUEST_METHOD", "GET"],
    ]);
    assert.deepEqual(interned, ["HTTP_X_FRESH", "REQUEST_METHOD"]);
  });

  it("takes fresh keys that are too long or not ASCII as ordinary strings", async () => {
    const pairs: Pair[] = [
      [`HTTP_${"X".repeat(251)}`, "long"],
      ["HTTP_É", "not ASCII"],
    ];
    assert.deepEqual((await python.loads(withFreshKeys(pairs))).pairs, pairs);
  });

  it("may hold a part that was written earlier", async () => {
    const part = new MarshalWriter(4);
    part.key(marshalKey("REMOTE_ADDR"));
    part.string("192.0.2.1");
    const bytes = dict([["A", "b"]], (writer, [name, value]) => {
      writer.raw(written(part));
      writer.freshKey(name);
      writer.string(value);
    });
    assert.deepEqual((await python.loads(bytes)).pairs, [
      ["REMOTE_ADDR", "192.0.2.1"],
      ["A", "b"],
    ]);
  });
});

describe("a key that is kept", () => {
  it("has at most 255 characters", () => {
    assert.equal(marshalKey("K".repeat(255)).length, 2 + 255);
    assert.throws(
      () => marshalKey("K".repeat(256)),
      new RangeError(`not a short ASCII key: ${"K".repeat(40)}`),
    );
  });

  it("is ASCII", () => {
    assert.throws(() => marshalKey("é"), new RangeError("not a short ASCII key: é"));
  });
});

describe("the writer", () => {
  it("is used again from its beginning, over what was there", () => {
    const writer = new MarshalWriter(4);
    writer.string("first, and longer");
    writer.position = 0;
    writer.string("next");
    assert.deepEqual(written(writer), Buffer.from("z\x04next"));
  });

  it("keeps what is written when it grows, whichever value needs the room", () => {
    const writes: ((writer: MarshalWriter) => void)[] = [
      (writer) => writer.beginDict(),
      (writer) => writer.endDict(),
      (writer) => writer.key(marshalKey("KEY")),
      (writer) => writer.freshKey("FRESH"),
      (writer) => writer.asciiString("short"),
      (writer) => writer.asciiString("long".repeat(100)),
      (writer) => writer.string("é"),
      (writer) => writer.raw(Buffer.from("raw")),
    ];
    for (const write of writes) {
      const roomy = new MarshalWriter(4096);
      write(roomy);
      const full = new MarshalWriter(3);
      full.raw(Buffer.from("abc"));
      write(full);
      assert.deepEqual(written(full), Buffer.concat([Buffer.from("abc"), written(roomy)]));
    }
  });
});
