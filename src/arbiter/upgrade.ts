/**
 * Upgrading a running server (USR2): a second arbiter is started with the same words, in the same place, and inherits the
 * listening sockets. Both accept clients until one of them is told to leave; the second is promoted when the first is gone.
 *
 * Rules: Gunicorn's names and log lines. An address that the new settings do not have is closed, and one that is new is
 * bound: Gunicorn takes what it inherits, whatever the settings say. While there are two, neither closes for both: a
 * Unix socket's file is left to the other.
 *
 * Runs in: arbiter.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import type { Identity } from "../identity.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import { util } from "../logging/untouched-streams.ts";
import type { BindAddress } from "../settings/addresses.ts";
import { activationFds } from "../systemd/activation.ts";
import { notifyFd, passOn } from "../systemd/notify.ts";
import { adopt, type Listener } from "./listeners.ts";

/** For the new arbiter: who started it, and what the descriptors from 3 on are. */
const PARENT = "TUNICORN_PID";
const SOCKETS = "TUNICORN_FD";
/** Set when those are the service manager's, and so count instead of the settings'. */
const ACTIVATED = "TUNICORN_ACTIVATED";
const FIRST_FD = 3;
/** How often the new arbiter looks whether the old one is gone, ms. */
const LOOK_MS = 250;

/** As it was launched, before the settings change anything. */
const LAUNCH = { cwd: process.cwd(), env: { ...process.env } };

interface Inheritance {
  readonly parentPid: number;
  readonly addresses: readonly BindAddress[];
  readonly isActivated: boolean;
}

const inheritance = maybeInheritance();

/** Whether this arbiter was started by another one. */
export const isUpgrading = inheritance !== null;

function maybeInheritance(): Inheritance | null {
  const { [PARENT]: parent, [SOCKETS]: sockets, [ACTIVATED]: activated } = process.env;
  for (const env of [process.env, LAUNCH.env]) {
    for (const name of [PARENT, SOCKETS, ACTIVATED]) delete env[name];
  }
  if (parent === undefined || sockets === undefined) return null;
  const addresses = JSON.parse(sockets) as BindAddress[];
  return { parentPid: Number(parent), addresses, isActivated: activated !== undefined };
}

export interface UpgradeEvents {
  /** The arbiter that has started this one is gone. */
  onPromoted(): void;
}

export class Upgrade {
  readonly #log: ErrorLog;
  readonly #left = new Map<number, BindAddress>();
  #parentPid = inheritance?.parentPid ?? 0;
  #child: ChildProcess | null = null;

  constructor(log: ErrorLog) {
    this.#log = log;
    inheritance?.addresses.forEach((address, index) => {
      this.#left.set(FIRST_FD + index, address);
    });
  }

  get isSecond(): boolean {
    return this.#parentPid !== 0;
  }

  /** What log lines and titles add to the name of a second arbiter. */
  get suffix(): string {
    return this.isSecond ? ".2" : "";
  }

  /** Whether another arbiter serves on the same sockets. */
  get hasPartner(): boolean {
    return this.childPid !== 0 || (this.isSecond && process.ppid === this.#parentPid);
  }

  /** 0 without one. */
  get childPid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The service manager's sockets, from it or from the arbiter before; none when the settings say where to listen. */
  get activated(): readonly BindAddress[] {
    if (inheritance?.isActivated === true) return inheritance.addresses.filter(({ isHealth }) => !isHealth);
    return activationFds.map((fd) => ({ kind: "fd", fd }));
  }

  /** The socket at this address, when it was inherited. `owner`: whose a Unix socket's file is. */
  maybeListener(address: BindAddress, owner: Identity | null): Listener | undefined {
    for (const [fd, inherited] of this.#left) {
      if (!util.isDeepStrictEqual(inherited, address)) continue;
      this.#left.delete(fd);
      return adopt(address, fd, () => this.hasPartner, owner);
    }
    return undefined;
  }

  /** Inherited, and in the settings no more. */
  closeUnused(): void {
    for (const fd of this.#left.keys()) closeSync(fd);
    this.#left.clear();
  }

  /** To be called once it serves. */
  awaitPromotion(events: UpgradeEvents): void {
    if (!this.isSecond) return;
    const timer = setInterval(() => {
      if (process.ppid === this.#parentPid) return;
      clearInterval(timer);
      this.#parentPid = 0;
      this.#log.info("Master has been promoted.");
      events.onPromoted();
    }, LOOK_MS);
  }

  /** USR2. */
  begin(listeners: readonly Listener[]): void {
    if (this.#child !== null) {
      this.#log.warning("USR2 signal ignored. Child exists.");
      return;
    }
    if (this.isSecond) {
      this.#log.warning("USR2 signal ignored. Parent exists.");
      return;
    }
    const notify = notifyFd === null ? [] : [notifyFd];
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      cwd: LAUNCH.cwd,
      stdio: ["inherit", "inherit", "inherit", ...listeners.map(({ fd }) => fd), ...notify],
      env: {
        ...LAUNCH.env,
        [PARENT]: String(process.pid),
        [SOCKETS]: JSON.stringify(listeners.map(({ address }) => address)),
        ...(this.activated.length > 0 ? { [ACTIVATED]: "1" } : {}),
        ...passOn(FIRST_FD + listeners.length),
      },
    });
    this.#child = child;
    child.on("error", (error) => this.#onChildGone(`could not be started: ${error.message}`));
    child.on("exit", (code, signal) => {
      this.#onChildGone(signal === null ? `exited with code ${code}` : `was killed by ${signal}`);
    });
  }

  #onChildGone(reason: string): void {
    if (this.#child === null) return;
    const { pid = 0 } = this.#child;
    this.#child = null;
    this.#log.info(`The second arbiter (pid:${pid}) ${reason}; this one serves on`);
  }
}
