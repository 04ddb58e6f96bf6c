/** What became of one suite: its counts, and what a reader needs to see when something failed. */
export type Outcome = {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The failures in full; empty when there are none. */
  readonly report: string;
};

export const NOTHING_TO_RUN: Outcome = { passed: 0, failed: 0, skipped: 0, report: "" };
