import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Arena } from "../../../src/queue/arena.ts";
import * as layout from "../../../src/queue/layout.ts";
import { MarshalWriter } from "../../../src/queue/marshal.ts";
import { type FrameHeader, ReplyReader } from "../../../src/queue/reply-reader.ts";
import { createScoreboard, ScoreboardReader } from "../../../src/queue/scoreboard.ts";
import { TicketWriter } from "../../../src/queue/ticket-writer.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { loadFrames, loadLayout, loadRecords, loadVectors, type RecordVector } from "./vectors.ts";

const ROOT = temporaryDirectory();
const newPath = (name: string): string => join(mkdtempSync(join(ROOT, "case-")), name);

describe("the queue's layout", () => {
  const { constants: agreed, files, offsets } = loadLayout();

  it("has the codes, sizes and file names that Python has", () => {
    // Of no concern to a worker.
    const { PIPE_BUF_BYTES: _, LOST_TICKET_GRACE_MS: __, ...shared } = layout;
    const own = Object.entries(shared).filter(([, value]) => ["number", "string"].includes(typeof value));
    assert.deepEqual(Object.fromEntries(own), agreed);
    assert.equal(layout.arenaFile(7), files.arena);
    assert.equal(layout.repliesFile(7), files.replies);
    assert.equal(layout.stacksFile(7), files.stacks);
  });

  it("has the offsets that Python's structs have", () => {
    const { RECORD: record, STORED_BODY: storedBody, SLOT: slot, FRAME: frame } = layout;
    const { FILE: file, FILE_ANSWER: fileAnswer } = layout;
    assert.deepEqual({ record, storedBody, slot, frame, file, fileAnswer }, offsets);
  });

  it("writes a batch of tickets in one write that is atomic", () => {
    assert.equal(layout.PIPE_BUF_BYTES % layout.TICKET_BYTES, 0);
  });
});

describe("tickets", () => {
  for (const { title, fields, bytes } of loadVectors("tickets")) {
    it(`are written as agreed: ${title}`, () => {
      const path = newPath("tickets");
      execFileSync("mkfifo", [path]);
      const writer = new TicketWriter(path, fields.gateway as number);
      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      writer.add(fields.id as number, fields.offset as number, fields.key as number);
      assert.ok(writer.flush());
      const read = Buffer.alloc(64);
      assert.deepEqual(read.subarray(0, readSync(reader, read)), bytes);
      writer.close();
      closeSync(reader);
    });
  }
});

describe("records", () => {
  for (const vector of loadRecords()) {
    it(`are written as agreed: ${vector.title}`, () => {
      assert.deepEqual(writtenRecord(vector), vector.bytes);
    });
  }

  function writtenRecord({ fields, environ, body }: RecordVector): Buffer {
    const path = newPath("arena");
    const arena = new Arena(path, 2, 4096);
    const id = fields.id as number;
    const place =
      fields.state === layout.RECORD_PROBE
        ? arena.addProbe(id)
        : arena.add(
            id,
            marshalled(environ),
            fields.bodyKind as number,
            [Buffer.from(body, "latin1")],
            body.length,
            fields.enqueued as number,
            fields.claimBy as number,
          );
    assert.ok(place);
    arena.flush();
    if (fields.state === layout.RECORD_WITHDRAWN) arena.withdraw(place);
    const written = readFileSync(path).subarray(place.offset, place.offset + place.length);
    arena.close();
    return written;
  }

  function marshalled(environ: RecordVector["environ"]): Buffer {
    const writer = new MarshalWriter(8);
    writer.beginDict();
    for (const [name, value] of environ) {
      writer.freshKey(name);
      writer.string(value);
    }
    writer.endDict();
    return writer.buffer.subarray(0, writer.position);
  }
});

describe("the scoreboard", () => {
  for (const { title, fields, bytes } of loadVectors("scoreboard-header")) {
    it(`has the header that was agreed: ${title}`, () => {
      const path = newPath("scoreboard");
      createScoreboard(path, fields.slots as number);
      const file = readFileSync(path);
      assert.deepEqual(file.subarray(0, layout.SCOREBOARD_HEADER_BYTES), bytes);
      assert.equal(
        file.length,
        layout.SCOREBOARD_HEADER_BYTES + (fields.slots as number) * layout.SLOT_BYTES,
      );
    });
  }

  for (const { title, fields, bytes } of loadVectors("scoreboard-slots")) {
    it(`has slots that are read as agreed: ${title}`, () => {
      const path = newPath("scoreboard");
      createScoreboard(path, 1);
      writeFileSync(
        path,
        Buffer.concat([readFileSync(path).subarray(0, layout.SCOREBOARD_HEADER_BYTES), bytes]),
      );
      const reader = new ScoreboardReader(path);
      const { started, progress, alive, retireSeen, ...rest } = fields;
      assert.deepEqual(reader.read(), [
        { ...rest, startedMs: started, progressMs: progress, aliveMs: alive, asksToRetire: retireSeen === 2 },
      ]);
      reader.close();
    });
  }
});

describe("reply frames", () => {
  for (const { title, fields, head, body, bytes } of loadFrames()) {
    it(`are read as agreed: ${title}`, () => {
      const seen: unknown[] = [];
      const reader = new ReplyReader({
        onFrame(frame: FrameHeader, chunk, start, end, complete) {
          seen.push({ ...frame }, chunk.toString("latin1", start, end), complete);
        },
        onMore: () => assert.fail("the frame is whole"),
        onUnreadable: (fault) => assert.fail(fault),
      });
      reader.read(bytes);
      assert.deepEqual(seen, [fields, head + body, true]);
    });
  }
});
