/**
 * The gateway's arena: a sparse file on tmpfs into which it writes the records that tickets point to.
 *
 * Records are built in one buffer and written with as few `pwrite`s as possible: records that lie side by side in the
 * arena are one write. The buffer is written out by `flush`, always before the tickets that point to it.
 *
 * Runs in: gateway.
 */
import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { BodyPlace } from "./body-place.ts";
import { RECORD, RECORD_PROBE, RECORD_READY, RECORD_WITHDRAWN } from "./layout.ts";
import { MarshalWriter } from "./marshal.ts";
import { Segments } from "./segments.ts";

/** Bytes of a segment; also about what one request may pin. */
export const SEGMENT_BYTES = 64 * 1024;
/** Segments of an arena. The file is sparse: only what was ever used takes memory. */
export const SEGMENT_COUNT = 512;

/** Probes that may be on their way at the same time. */
const PROBES = 128;

/** The largest body that is stored in the arena beside its record, and how much of the arena such bodies may take. */
export const STORED_BODY_BYTES = 2 * 1024 * 1024;
const STORED_SHARE = 0.5;

/** Where a record stands, and its bytes in all. */
export interface RecordPlace {
  readonly offset: number;
  readonly length: number;
  /** The body that the record points to. */
  readonly body: BodyPlace | null;
}

/** Bytes of the buffer from `start` on that belong at `offset` in the file. */
interface Run {
  readonly offset: number;
  readonly start: number;
}

export class Arena {
  readonly path: string;
  readonly #fd: number;
  readonly #segments: Segments;
  /** Behind the segments of the requests, so that a full arena can still be asked about. */
  readonly #probes: Segments;
  readonly #probesOffset: number;
  /** Bytes that stored bodies may still take. */
  #storable: number;
  /** Records that are not written yet, as they will lie in the file. */
  readonly #writer = new MarshalWriter();
  #runs: Run[] = [];
  readonly #stateByte = Buffer.from([RECORD_WITHDRAWN]);

  /** Creates the file, mode 0600. Throws the system's error when the directory is full or not writable. */
  constructor(path: string, segmentCount = SEGMENT_COUNT, segmentBytes = SEGMENT_BYTES) {
    this.path = path;
    this.#segments = new Segments(segmentCount, segmentBytes);
    this.#probes = new Segments(1, PROBES * RECORD.headerBytes);
    this.#probesOffset = segmentCount * segmentBytes;
    this.#storable = segmentCount * segmentBytes * STORED_SHARE;
    this.#fd = openSync(path, "wx+", 0o600);
    ftruncateSync(this.#fd, this.#probesOffset + this.#probes.segmentBytes);
  }

  /**
   * Room for a body of `bytes` that is still to come. Null when it is too large, or too much is taken by others: they could keep
   * records out for as long as their clients take to send them.
   */
  maybeReserve(bytes: number): BodyPlace | null {
    const { segmentBytes } = this.#segments;
    // It may be all that keeps its segments from being free.
    const held = Math.ceil(bytes / segmentBytes) * segmentBytes;
    if (bytes === 0 || bytes > STORED_BODY_BYTES || held > this.#storable) return null;
    const offset = this.#segments.allocate(bytes);
    if (offset < 0) return null;
    this.#storable -= held;
    return new BodyPlace(this.#fd, offset, bytes, {
      onWritten: (start, length) => this.#segments.noteWritten(start, length),
      onShortage: () => this.#segments.noteShortage(),
      onReleased: () => {
        this.#storable += held;
        this.#segments.release(offset);
      },
    });
  }

  /**
   * Adds a record: `environ` is the marshal dict. Returns null when the arena is full now. `stored`, the place that the body
   * points to, is released with the record.
   */
  add(
    id: number,
    environ: Uint8Array,
    bodyKind: number,
    body: readonly Uint8Array[],
    bodyLength: number,
    enqueuedMs: number,
    claimByMs: number,
    stored: BodyPlace | null = null,
  ): RecordPlace | null {
    const length = RECORD.headerBytes + environ.length + bodyLength;
    const offset = this.#segments.allocate(length);
    if (offset < 0) return null;
    this.#seek(offset, length);
    const { buffer, position } = this.#writer;
    buffer.writeUInt32LE(id, position + RECORD.id);
    buffer.writeUInt32LE(RECORD_READY | (bodyKind << 8), position + RECORD.state);
    buffer.writeUInt32LE(environ.length, position + RECORD.environLength);
    buffer.writeUInt32LE(bodyLength, position + RECORD.bodyLength);
    buffer.writeDoubleLE(enqueuedMs, position + RECORD.enqueued);
    buffer.writeDoubleLE(claimByMs, position + RECORD.claimBy);
    this.#writer.position += RECORD.headerBytes;
    this.#writer.raw(environ);
    for (const part of body) this.#writer.raw(part);
    if (stored !== null) stored.isQueued = true;
    return { offset, length, body: stored };
  }

  /** Whether there would be room for such a record if nothing else were in the arena. */
  fits(environLength: number, bodyLength: number): boolean {
    return this.#segments.fits(RECORD.headerBytes + environLength + bodyLength);
  }

  /** Adds a record that is no request: whoever claims it answers END. Returns null when there are too many of them. */
  addProbe(id: number): RecordPlace | null {
    const length = RECORD.headerBytes;
    const offset = this.#probes.allocate(length);
    if (offset < 0) return null;
    const record = Buffer.alloc(length);
    record.writeUInt32LE(id, RECORD.id);
    record[RECORD.state] = RECORD_PROBE;
    this.#seek(this.#probesOffset + offset, length);
    this.#writer.raw(record);
    return { offset: this.#probesOffset + offset, length, body: null };
  }

  /**
   * Writes what was added. Throws the system's error, ENOSPC when the tmpfs is full; what was added since the last flush
   * is then not in the file, and not in the buffer any more.
   */
  flush(): void {
    const { buffer, position } = this.#writer;
    const runs = this.#runs;
    this.#runs = [];
    this.#writer.position = 0;
    for (let run = 0; run < runs.length; run++) {
      const { offset, start } = runs[run] as Run;
      this.#write(buffer, start, runs[run + 1]?.start ?? position, offset);
    }
  }

  /**
   * Marks a record that is written so that whoever claims its ticket drops it. The place stays taken until `release`.
   */
  withdraw(place: RecordPlace): void {
    writeSync(this.#fd, this.#stateByte, 0, 1, place.offset + RECORD.state);
  }

  /**
   * Moves the record at `place`, which is written: it stands elsewhere then, ready, under a new id. Returns null when the arena
   * is full now.
   */
  move(place: RecordPlace, id: number): RecordPlace | null {
    const offset = this.#segments.allocate(place.length);
    if (offset < 0) return null;
    const record = Buffer.allocUnsafe(place.length);
    readSync(this.#fd, record, 0, place.length, place.offset);
    record.writeUInt32LE(id, RECORD.id);
    record[RECORD.state] = RECORD_READY;
    this.#seek(offset, place.length);
    this.#writer.raw(record);
    this.#releaseRecord(place);
    return { offset, length: place.length, body: place.body };
  }

  /** The place may be used again: the record was answered, or nobody can claim it any more. */
  release(place: RecordPlace): void {
    place.body?.release();
    this.#releaseRecord(place);
  }

  #releaseRecord({ offset }: RecordPlace): void {
    if (offset < this.#probesOffset) this.#segments.release(offset);
    else this.#probes.release(offset - this.#probesOffset);
  }

  close(): void {
    closeSync(this.#fd);
    rmSync(this.path, { force: true });
  }

  #write(buffer: Buffer, start: number, end: number, offset: number): void {
    try {
      for (let at = start; at < end; ) at += writeSync(this.#fd, buffer, at, end - at, offset + at - start);
    } catch (error) {
      this.#segments.noteShortage();
      throw error;
    }
    if (offset < this.#probesOffset) this.#segments.noteWritten(offset, end - start);
  }

  /** The next record goes to `offset`: right behind the one before, over the padding, or in a run of its own. */
  #seek(offset: number, length: number): void {
    const writer = this.#writer;
    const run = this.#runs.at(-1);
    const gap = run === undefined ? -1 : offset - (run.offset + writer.position - run.start);
    writer.reserve(length + 7);
    if (gap >= 0 && gap <= 7) writer.position += gap;
    else this.#runs.push({ offset, start: writer.position });
  }
}
