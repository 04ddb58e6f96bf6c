/**
 * What is done to the server, each as a function that returns when its effect is over: what was killed is gone, what was
 * broken is mended. Where another fault at the same moment may spoil the effect (a new zygote is killed and so the reload fails),
 * the fault is content with what is documented for that, and tries again.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../support/wait.ts";
import type { Random } from "../unit/random.ts";
import { type Instance, isAlive, type Processes } from "./instance.ts";
import type { Ledger } from "./ledger.ts";
import type { Traffic } from "./traffic.ts";

export interface Scene {
  readonly instance: Instance;
  readonly ledger: Ledger;
  readonly traffic: Traffic;
  readonly random: Random;
  /** Where large bodies go; null when it cannot be filled up. */
  readonly disk: string | null;
  readonly spool: string;
}

export interface Fault {
  readonly name: string;
  /** Two of one kind are never done at the same time: they would undo each other. */
  readonly kind: "kill" | "order" | "zygote" | "gateway" | "request" | "disk" | "log";
  /** It takes as long as `timeout` or longer. */
  readonly isSlow?: boolean;
  /** Nothing else is done at the same time: it would undo what others have done. */
  readonly isAlone?: boolean;
  readonly run: (scene: Scene) => Promise<void>;
}

/** Generous: this is about "ever", not about "soon". */
const PATIENCE_MS = 60_000;
/** Shorter than a forked child holds the stream of its dead parent. */
const HELD_MS = 10_000;
const TRIES = 5;

/** A process of that kind, once there is one. */
async function someVictim({ instance, random }: Scene, role: keyof Processes): Promise<number> {
  let found: readonly number[] = [];
  await eventually(() => {
    found = instance.processes()[role];
    return found.length > 0;
  }, PATIENCE_MS);
  return random.pick(found);
}

// -- workers ------------------------------------------------------------------------------------------------

async function signalWorker(scene: Scene, signal: NodeJS.Signals, isFatal: boolean): Promise<void> {
  const { ledger } = scene;
  const victim = await someVictim(scene, "workers");
  if (isFatal) ledger.workerKilled(victim);
  send(victim, signal);
  await eventually(() => !isAlive(victim), PATIENCE_MS);
}

function killing(signal: NodeJS.Signals): Fault {
  return { name: `worker ${signal}`, kind: "kill", run: (scene) => signalWorker(scene, signal, true) };
}

/** Stopped, and continued before its requests are past their time. */
async function pauseWorker(scene: Scene): Promise<void> {
  const victim = await someVictim(scene, "workers");
  send(victim, "SIGSTOP");
  await pause(scene.random.between(100, 800));
  send(victim, "SIGCONT");
}

/** Stopped for good: its requests get 504, and it is replaced. */
async function freezeWorker(scene: Scene): Promise<void> {
  const { instance, ledger } = scene;
  const victim = await someVictim(scene, "workers");
  ledger.workerFrozen(victim);
  send(victim, "SIGSTOP");
  // It may have been idle, or was about to leave; then nobody minds, and it is for us to end it.
  await pause((instance.plan.timeout + 4) * 1000);
  send(victim, "SIGKILL");
  await eventually(() => !isAlive(victim), PATIENCE_MS);
}

async function killZygote(scene: Scene): Promise<void> {
  const { instance, ledger } = scene;
  const victim = await someVictim(scene, "zygotes");
  for (const worker of instance.processes().workers) ledger.workerKilled(worker);
  send(victim, "SIGKILL");
  await eventually(() => !isAlive(victim), PATIENCE_MS);
}

// -- gateways -----------------------------------------------------------------------------------------------

async function killGateway(scene: Scene): Promise<void> {
  const { ledger } = scene;
  const victim = await someVictim(scene, "gateways");
  const gone = ledger.gatewayKilled();
  send(victim, "SIGKILL");
  await eventually(() => !isAlive(victim), PATIENCE_MS);
  gone();
}

/** Stopped for good: the arbiter kills it and starts another. */
async function freezeGateway(scene: Scene): Promise<void> {
  const { ledger } = scene;
  const victim = await someVictim(scene, "gateways");
  const gone = ledger.gatewayKilled();
  send(victim, "SIGSTOP");
  await eventually(() => !isAlive(victim), PATIENCE_MS);
  gone();
}

/** For longer than `timeout`, as a machine that sleeps: no time passes for anyone, and nothing is lost. */
async function stopTheWorld({ instance, random }: Scene): Promise<void> {
  instance.signalAll("SIGSTOP");
  await pause((instance.plan.timeout + random.between(1, 3)) * 1000);
  instance.signalAll("SIGCONT");
}

// -- requests -----------------------------------------------------------------------------------------------

async function letWorkerExit({ traffic }: Scene): Promise<void> {
  await traffic.ask("die");
}

async function letRequestHang({ traffic }: Scene): Promise<void> {
  await traffic.ask("stuck");
}

/** Each leaves in another way. */
async function letWorkerFork({ traffic }: Scene): Promise<void> {
  for (let nr = 0; nr < 4; nr++) await traffic.ask("fork");
}

/** The client hears of the worker's death, although the worker's stream is still open in its child. */
async function letChildHold({ traffic, ledger }: Scene): Promise<void> {
  const askedMs = performance.now();
  await traffic.ask("hold");
  const tookMs = Math.round(performance.now() - askedMs);
  if (tookMs > HELD_MS) ledger.complain(`a request of a dead worker was answered after ${tookMs} ms`);
}

async function letWorkerSendGarbage({ traffic }: Scene): Promise<void> {
  await traffic.ask("garbage");
}

/** Meanwhile a worker waits for the reader; the others, the gateway and the arbiter do not. */
async function letLogReaderSleep({ instance, traffic, random }: Scene): Promise<void> {
  instance.pauseLog();
  const chatter = traffic.ask("chatter");
  await pause(random.between(300, 1500));
  instance.resumeLog();
  await chatter;
}

async function fillDisk({ disk, ledger, random }: Scene): Promise<void> {
  if (disk === null) return;
  const ballast = join(disk, "ballast");
  const emptied = ledger.diskFull();
  try {
    await writeFile(ballast, Buffer.alloc(64 * 1024 * 1024));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
  await pause(random.between(200, 1000));
  rmSync(ballast);
  emptied();
}

/** Nothing on it can be made or deleted. It takes some tries: no file may be open for writing at that moment. */
async function makeDiskReadOnly({ disk, ledger, random }: Scene): Promise<void> {
  if (disk === null) return;
  const remount = (mode: string): boolean =>
    spawnSync("mount", ["-o", `remount,${mode}`, disk], { stdio: "ignore" }).status === 0;
  const writable = ledger.diskFull();
  await eventually(() => remount("ro"), PATIENCE_MS);
  await pause(random.between(200, 1000));
  await eventually(() => remount("rw"), PATIENCE_MS);
  writable();
}

/** As those do who clean directories for temporary files. */
async function removeSpool({ spool, ledger }: Scene): Promise<void> {
  const restored = ledger.diskFull();
  for (const name of readdirSync(spool)) rmSync(join(spool, name), { recursive: true, force: true });
  await eventually(() => readdirSync(spool).length > 0, PATIENCE_MS);
  restored();
}

// -- orders to the arbiter ----------------------------------------------------------------------------------

/** Until the new version is heard of. */
async function reload(scene: Scene): Promise<void> {
  const { instance, traffic, spool } = scene;
  instance.writeApplication();
  instance.writeConfiguration(spool);
  for (let tries = 1; ; tries++) {
    const before = failures(scene);
    send(instance.arbiter, "SIGHUP");
    const isServed = (): boolean => traffic.latest.version === instance.version;
    await eventually(() => isServed() || failures(scene) > before, PATIENCE_MS);
    if (isServed()) return;
    if (tries === TRIES) throw new Error(`${TRIES} reloads have failed`);
  }
}

async function reloadBroken(scene: Scene, damage: () => void): Promise<void> {
  const before = failures(scene);
  damage();
  send(scene.instance.arbiter, "SIGHUP");
  await eventually(() => failures(scene) > before, PATIENCE_MS);
  scene.instance.mendConfiguration();
  await reload(scene);
}

function failures({ instance }: Scene): number {
  return instance.log.text.match(/Reload failed: /g)?.length ?? 0;
}

async function scale({ instance, random }: Scene): Promise<void> {
  const by = random.between(1, 3);
  for (const signal of ["SIGTTIN", "SIGTTOU"] as const) {
    for (let nr = 0; nr < by; nr++) {
      send(instance.arbiter, signal);
      await pause(random.between(0, 200));
    }
  }
}

async function reopenLogs({ instance }: Scene): Promise<void> {
  const log = join(instance.directory, "access.log");
  rmSync(log, { force: true });
  send(instance.arbiter, "SIGUSR1");
  await eventually(() => existsSync(log), PATIENCE_MS);
}

/** The new arbiter, once it answers; undefined when it has left, as it does when something it starts with is killed. */
async function maybeUpgrade({ instance, traffic }: Scene): Promise<number | undefined> {
  const gone = (): number => instance.log.text.match(/The second arbiter \(pid:\d+\)/g)?.length ?? 0;
  const first = instance.arbiter;
  const before = gone();
  const last = instance.startedLast;
  send(first, "SIGUSR2");
  await eventually(() => instance.startedLast !== last || gone() > before, PATIENCE_MS);
  const second = instance.startedLast;
  if (second === last) return undefined;
  instance.arbiters.push(second);
  await eventually(() => traffic.latest.arbiter === second || gone() > before, PATIENCE_MS);
  if (gone() === before) return second;
  instance.arbiters.pop();
  return undefined;
}

async function upgrade(scene: Scene): Promise<void> {
  const first = scene.instance.arbiter;
  const second = await maybeUpgrade(scene);
  if (second === undefined) return;
  send(first, "SIGTERM");
  await eventually(() => !isAlive(first), PATIENCE_MS);
  await scene.instance.log.find(new RegExp(`\\[${second}\\].*Master has been promoted`));
}

async function upgradeAndBack(scene: Scene): Promise<void> {
  const { instance } = scene;
  const second = await maybeUpgrade(scene);
  if (second === undefined) return;
  send(second, "SIGTERM");
  await instance.log.find(new RegExp(`The second arbiter \\(pid:${second}\\) exited with code 0`));
  instance.arbiters.splice(instance.arbiters.indexOf(second), 1);
}

/** To a process that may have left by itself. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export const FAULTS: readonly Fault[] = [
  killing("SIGKILL"),
  killing("SIGSEGV"),
  killing("SIGABRT"),
  killing("SIGQUIT"),
  { name: "worker SIGTERM", kind: "kill", run: (scene) => signalWorker(scene, "SIGTERM", false) },
  { name: "worker SIGSTOP and SIGCONT", kind: "kill", run: pauseWorker },
  { name: "worker SIGSTOP for good", kind: "kill", isSlow: true, run: freezeWorker },
  { name: "zygote SIGKILL", kind: "zygote", run: killZygote },
  { name: "gateway SIGKILL", kind: "gateway", run: killGateway },
  { name: "gateway SIGSTOP for good", kind: "gateway", isSlow: true, run: freezeGateway },
  { name: "everything SIGSTOP and SIGCONT", kind: "kill", isSlow: true, isAlone: true, run: stopTheWorld },
  { name: "os._exit in a request", kind: "request", run: letWorkerExit },
  { name: "fork in a request", kind: "request", run: letWorkerFork },
  { name: "a child that holds the stream", kind: "request", run: letChildHold },
  { name: "garbage in the reply stream", kind: "request", run: letWorkerSendGarbage },
  { name: "log reader that sleeps", kind: "log", run: letLogReaderSleep },
  { name: "request past timeout", kind: "request", isSlow: true, run: letRequestHang },
  { name: "spool disk full", kind: "disk", run: fillDisk },
  { name: "spool disk read-only", kind: "disk", run: makeDiskReadOnly },
  { name: "spool directory removed", kind: "disk", run: removeSpool },
  { name: "HUP", kind: "order", run: reload },
  {
    name: "HUP, broken application",
    kind: "order",
    run: (scene) => reloadBroken(scene, () => scene.instance.breakApplication()),
  },
  {
    name: "HUP, broken configuration",
    kind: "order",
    run: (scene) => reloadBroken(scene, () => scene.instance.breakConfiguration()),
  },
  { name: "TTIN and TTOU", kind: "order", run: scale },
  { name: "USR1", kind: "order", run: reopenLogs },
  { name: "USR2 and on", kind: "order", run: upgrade },
  { name: "USR2 and back", kind: "order", run: upgradeAndBack },
];
