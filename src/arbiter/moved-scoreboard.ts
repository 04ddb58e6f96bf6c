/**
 * The scoreboard of an instance that has moved to another run directory: workers that were forked before still write into the
 * one before. Slots are those of one registry, so a slot belongs to one worker at a time, whichever file it writes.
 *
 * Runs in: arbiter.
 */
import { ScoreboardReader, type SlotRecord } from "../queue/scoreboard.ts";

export class MovedScoreboard extends ScoreboardReader {
  readonly #before: ScoreboardReader;

  constructor(path: string, before: ScoreboardReader) {
    super(path, "r+");
    this.#before = before;
  }

  override read(first = 0, count = this.slots - first): SlotRecord[] {
    const before = this.#before.read(first, count);
    return super.read(first, count).map((record, index) => {
      const other = before[index];
      // The age counts up: of two workers on the same slot the later one has it now.
      return other !== undefined && other.age > record.age ? other : record;
    });
  }

  override close(): void {
    super.close();
    this.#before.close();
  }
}
