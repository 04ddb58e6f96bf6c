/**
 * From settings to a running arbiter: working directory, log, pid file, addresses, signals. What can fail before
 * anything runs fails here, with one line and nothing left behind.
 *
 * Runs in: arbiter.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { currentConfiguration } from "../cli/print-config.ts";
import { maybeIdentity } from "../identity.ts";
import { guarded, guardProcess } from "../last-resort.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import { Logs } from "../logging/logs.ts";
import { takeOverNodeMessages } from "../logging/node-messages.ts";
import { STDERR } from "../logging/output.ts";
import { printTo, standardWriter } from "../logging/standard-streams.ts";
import { Statsd } from "../metrics/statsd.ts";
import { type BindAddress, formatAddress } from "../settings/addresses.ts";
import { Notifier, notifyFd } from "../systemd/notify.ts";
import { VERSION } from "../version.ts";
import { maybeHolder } from "./address-holder.ts";
import { Arbiter, type ArbiterOptions } from "./arbiter.ts";
import { daemon, goToBackground } from "./daemon.ts";
import { logSettings } from "./gateway-settings.ts";
import { Life } from "./life.ts";
import { BindError, type BindOptions, bind, type Listener, pythonAddress } from "./listeners.ts";
import { prepareLogFiles } from "./log-files.ts";
import { reportToParent } from "./parent.ts";
import { Pidfile } from "./pidfile.ts";
import type { Reading } from "./reading.ts";
import { runAsRoot } from "./run-as-root.ts";
import { handleSignals } from "./signals.ts";
import { maybeSystemError } from "./system-error.ts";
import { isUpgrading, Upgrade } from "./upgrade.ts";

/** An address in use may be a predecessor's that is leaving: Gunicorn's five tries, a second apart. */
const BIND_TRIES = 5;
const BIND_PAUSE_MS = 1000;
/** Linux's net.ipv4.ip_unprivileged_port_start, unless somebody has changed it. */
const FIRST_FREE_PORT = 1024;

/** How long the last lines may take to be written, ms. */
const ABORT_MS = 1000;

const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;

/** The start failed; the message is for the operator, unless the log has told already. Exit code 1, as in Gunicorn. */
class StartError extends Error {}

export async function startArbiter(
  reading: Reading,
  argv: readonly string[],
  reload: ArbiterOptions["reload"],
): Promise<void> {
  try {
    await start(reading, argv, reload);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    if (error.message !== "") printTo(STDERR, `\nError: ${error.message}\n`);
    standardWriter(STDERR).whenWritten(() => process.exit(1));
  }
}

async function start(
  { loaded: read, zygote, steps }: Reading,
  argv: readonly string[],
  reload: ArbiterOptions["reload"],
): Promise<void> {
  const { settings, resolved } = read;
  if (settings.daemon && daemon === null && !isUpgrading) {
    // Before `chdir`: the daemon reads the same settings from the same place.
    zygote?.close();
    await goToBackground(settings);
  }
  process.chdir(settings.chdir);
  const life = new Life();
  if (daemon !== null) life.watch(daemon);
  const identity = orFail(() => maybeIdentity(settings.user, settings.group, settings.initgroups));
  const { loaded, refusals } = orFail(() => prepareLogFiles(read, identity));
  const statsd = resolved.statsd === null ? null : new Statsd(resolved.statsd);
  const logs = new Logs(logSettings(loaded), statsd, identity);
  const log = logs.error;
  takeOverNodeMessages(log);
  const upgrade = new Upgrade(log);
  process.title = `tunicorn: master${upgrade.suffix} [${resolved.processName}]`;
  log.debug(currentConfiguration(loaded));
  log.info(`Starting tunicorn ${VERSION}`);
  for (const notice of resolved.notices) log.warning(notice);
  for (const refusal of refusals) log.error(refusal);
  for (const notice of runAsRoot(loaded, identity)) log.warning(notice);
  const warn = (message: string): void => log.warning(message);
  const pidPath = settings.pidfile === null ? null : settings.pidfile + upgrade.suffix;
  const pidfile = pidPath === null ? null : orFail(() => new Pidfile(pidPath, { identity, warn }));
  const listeners: Listener[] = [];
  const giveUp = (): void => {
    for (const listener of listeners) guarded(log, "closing an address", () => listener.close());
    guarded(log, "removing the pid file", () => pidfile?.remove());
  };
  // Until the arbiter is there to be told; it may be a while when an address is in use.
  const leave = (signal: NodeJS.Signals): never => {
    log.info(`Handling signal: ${signal.slice("SIG".length).toLowerCase()}`);
    giveUp();
    log.info(`Shutting down: Master${upgrade.suffix}`);
    return process.exit(0);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, leave);
  try {
    const options = { owner: identity, reuse_port: settings.reuse_port };
    steps.begin("bind");
    const open = (address: BindAddress): Promise<Listener> =>
      bindPatiently(address, settings.umask, options, log);
    for (const address of addressesOf(loaded, upgrade.activated, log)) {
      listeners.push(upgrade.maybeListener(address, identity) ?? (await open(address)));
    }
    upgrade.closeUnused();
    steps.end();
    const parts = { loaded, zygote, steps, logs, statsd, identity, life, upgrade, argv, reload };
    const exit = (code: number): void => logs.end(() => process.exit(code));
    const arbiter = orFail(() => new Arbiter({ ...parts, listeners, open, pidfile, exit }));
    guardProcess(log, () => {
      setTimeout(() => process.exit(1), ABORT_MS);
      arbiter.abort();
    });
    handleSignals(arbiter, log, daemon !== null || (settings.daemon && upgrade.isSecond));
    reportToParent(life, arbiter, log);
    notifyServiceManager(life, upgrade, log, settings.workers);
    life.watch({
      onServing: () =>
        upgrade.awaitPromotion({
          onPromoted: () => {
            process.title = `tunicorn: master [${resolved.processName}]`;
            movePidfile(pidfile, settings.pidfile, log);
            life.onPromoted();
          },
        }),
    });
  } catch (error) {
    const failed = steps.failed();
    if (failed !== "") log.error(`The start failed in ${failed}`);
    giveUp();
    throw error;
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, leave);
  }
}

/** Where to listen: what the service manager has made, or else what the settings say. */
function addressesOf(
  { sources, resolved }: Reading["loaded"],
  activated: readonly BindAddress[],
  log: ErrorLog,
): readonly BindAddress[] {
  const isActivated = activated.length > 0;
  const ignored = isActivated ? resolved.listen : resolved.ignoredBinds;
  if (!isActivated || sources.bind !== "default") {
    for (const address of ignored) {
      log.warning(
        `Not listening at ${formatAddress(address)}: a file descriptor is given, so other binds do not count`,
      );
    }
  }
  if (!isActivated) return resolved.listenAll;
  return [...activated, ...resolved.listenAll.filter(({ isHealth }) => isHealth)];
}

function movePidfile(pidfile: Pidfile | null, path: string | null, log: ErrorLog): void {
  try {
    if (path !== null) pidfile?.moveTo(path);
  } catch (error) {
    log.error(`Pid file not renamed: ${(error as Error).message}`);
  }
}

function notifyServiceManager(life: Life, upgrade: Upgrade, log: ErrorLog, workers: number): void {
  if (notifyFd === null) return;
  const status = (): string => `Serving with ${workers} worker${workers === 1 ? "" : "s"}`;
  const notifier = new Notifier(notifyFd, log, !upgrade.isSecond, status);
  life.watch({
    onServing: () => notifier.onServing(),
    onReloading: () => notifier.onReloading(),
    onReloaded: () => notifier.onReloaded(),
    onPromoted: () => notifier.onPromoted(),
    onStopping: () => {
      if (upgrade.childPid === 0) notifier.onStopping();
      else notifier.handOver(upgrade.childPid);
    },
  });
}

async function bindPatiently(
  address: BindAddress,
  umask: number,
  options: BindOptions,
  log: ErrorLog,
): Promise<Listener> {
  for (let tries = 1; ; tries++) {
    try {
      return await bind(address, umask, options);
    } catch (error) {
      if (!(error instanceof BindError)) throw new StartError((error as Error).message);
      const name = pythonAddress(address);
      const isInUse = error.code === "EADDRINUSE";
      if (isInUse) log.error(`Connection in use: ${name}`);
      if (error.code === "EADDRNOTAVAIL") log.error(`Invalid address: ${name}`);
      log.error(`connection to ${name} failed: ${error.message}`);
      const cause = tries === 1 ? maybeCause(address, error.code) : undefined;
      if (cause !== undefined) log.error(`Likely cause: ${cause}`);
      if (!isInUse || tries === BIND_TRIES) {
        log.error(`Can't connect to ${name}`);
        throw new StartError();
      }
    }
    await sleep(BIND_PAUSE_MS);
  }
}

function maybeCause(address: BindAddress, code: string): string | undefined {
  if (address.kind !== "tcp") return undefined;
  const { port } = address;
  if (code === "EACCES" && port < FIRST_FREE_PORT) {
    return `ports below ${FIRST_FREE_PORT} are for root, or who has CAP_NET_BIND_SERVICE`;
  }
  const holder = code === "EADDRINUSE" ? maybeHolder(port) : undefined;
  return holder && `${holder} listens there`;
}

/** Makes what an operator can mend a StartError. */
function orFail<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    const known = maybeSystemError(error);
    const { message, path } = error as NodeJS.ErrnoException;
    if (known === undefined) throw new StartError(message);
    throw new StartError(`[Errno ${known.errno}] ${known.text}${path === undefined ? "" : `: '${path}'`}`);
  }
}
