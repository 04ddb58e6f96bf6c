/**
 * What Tunicorn wants to be beside the others, with the same number of workers in the same run. `docs/performance.md` says
 * which goals are met, and why others are not.
 */

export interface Goal {
  readonly case: string;
  readonly setting: string;
  readonly server: string;
  /** The figure is Tunicorn's value divided by the server's… */
  readonly atLeast?: number;
  readonly atMost?: number;
  /** … or Tunicorn's own value. */
  readonly isOwnValue?: true;
}

type Bounds = Readonly<Record<string, number>>;

const SYNC = "gunicorn-sync";
const NGINX = "nginx-gunicorn";

function atLeast(name: string, setting: string, bounds: Bounds): readonly Goal[] {
  return Object.entries(bounds).map(([server, bound]) => ({ case: name, setting, server, atLeast: bound }));
}

function atMost(name: string, setting: string, bounds: Bounds): readonly Goal[] {
  return Object.entries(bounds).map(([server, bound]) => ({ case: name, setting, server, atMost: bound }));
}

function own(name: string, setting: string, least: number): Goal {
  return { case: name, setting, server: "tunicorn", atLeast: least, isOwnValue: true };
}

export const GOALS: readonly Goal[] = [
  ...atLeast("django", "64 connections", { [SYNC]: 2.2, granian: 1.4, [NGINX]: 2.8, bjoern: 1 }),
  ...atLeast("flask", "64 connections", { [SYNC]: 2.2, granian: 1.4, [NGINX]: 2.8, bjoern: 0.85 }),
  ...atLeast("hello", "64 connections", { [SYNC]: 9, granian: 1.3, [NGINX]: 9, bjoern: 0.6 }),
  ...atLeast("hello", "1 connection", { [SYNC]: 2, granian: 1.2, [NGINX]: 2, bjoern: 0.9 }),
  ...atLeast("json-10k", "64 connections", { [SYNC]: 6, granian: 1, [NGINX]: 8 }),
  ...atLeast("response-10m", "8 connections", { [SYNC]: 1, granian: 1, [NGINX]: 1.8 }),
  ...atLeast("upload-1m", "8 connections", { [SYNC]: 2, [NGINX]: 3 }),
  ...atLeast("no-keep-alive", "32 connections", { [SYNC]: 1.8, granian: 1, [NGINX]: 2.2 }),
  ...atMost("mixed-slow", "400 requests/s", { [SYNC]: 0.05, granian: 1, [NGINX]: 1 }),
  own("slow-clients", "200 slow clients", 95),
  own("idle-connections", "2000 idle connections", 95),
  ...atMost("memory", "8 workers", { [SYNC]: 0.75, granian: 0.6 }),
  ...atMost("memory", "8 workers, preload", { [SYNC]: 1.1 }),
  ...atMost("cold-start", "Django", { [SYNC]: 1.2 }),
];
