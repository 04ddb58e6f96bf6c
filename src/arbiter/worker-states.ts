/**
 * What becomes of a worker: its states, what happens to it, and what is done then. The code follows this table, and
 * docs/worker-states.md is drawn from it (`node src/cli/worker-states-page.ts`).
 *
 * Runs in: arbiter.
 */

export const STATES = {
  forking: "ordered from the zygote; it has no pid yet",
  booting: "imports the application",
  ready: "claims requests",
  replacing: "claims requests until its successor is ready",
  retiring: "claims no more, finishes what it has; killed after graceful_timeout",
  lost: "a thread of it is stuck for good; its other requests finish, then it is killed",
} as const;

export type WorkerState = keyof typeof STATES;

export const EVENTS = {
  forked: "the zygote has forked it",
  booted: "it has imported the application",
  replace:
    "it has reached max_requests, max_worker_lifetime or max_worker_memory, or was sent TERM by somebody else",
  retire: "there is one too many, its successor is ready, or its generation leaves",
  lose: "a request of it did not end by RequestTimeout either",
  withdrew: "it claims no more, and nobody has told it to: its application ends it",
  quit: "it is told to leave at once (INT, QUIT)",
  exited: "the zygote has reaped it",
} as const;

export type WorkerEvent = keyof typeof EVENTS;

export const ACTIONS = {
  "order to retire": "the zygote signals it until it has seen the order",
  "fork what is missing": "another takes its place, at once",
  "boot failed": "a first start or a reload ends; else another is forked after a pause",
} as const;

export type WorkerAction = keyof typeof ACTIONS;

export interface Transition {
  readonly to: WorkerState | "gone";
  readonly actions: readonly WorkerAction[];
}

const to = (state: WorkerState | "gone", ...actions: readonly WorkerAction[]): Transition => ({
  to: state,
  actions,
});

const RETIRED = to("retiring", "order to retire");
const LOST = to("lost", "order to retire", "fork what is missing");
const WITHDRAWN = to("retiring", "fork what is missing");
const QUITTING = to("retiring");
const REPLACED = to("gone", "fork what is missing");

/** What is not listed changes nothing. */
export const TRANSITIONS: Readonly<Record<WorkerState, Readonly<Partial<Record<WorkerEvent, Transition>>>>> =
  {
    forking: {
      forked: to("booting"),
      retire: to("retiring"),
      quit: QUITTING,
      exited: to("gone", "boot failed"),
    },
    booting: { booted: to("ready"), retire: RETIRED, quit: QUITTING, exited: to("gone", "boot failed") },
    ready: {
      replace: to("replacing", "fork what is missing"),
      retire: RETIRED,
      lose: LOST,
      withdrew: WITHDRAWN,
      quit: QUITTING,
      exited: REPLACED,
    },
    replacing: { retire: RETIRED, lose: LOST, withdrew: WITHDRAWN, quit: QUITTING, exited: REPLACED },
    // The order may have come while it had no pid yet.
    retiring: { forked: RETIRED, lose: to("lost"), exited: REPLACED },
    lost: { exited: REPLACED },
  };
