/**
 * The one table of settings. The parser, `--help`, the reference page and the type `Settings` derive from it;
 * a setting is added by adding an entry to a section's file.
 *
 * Rules: names are unique over all sections (a test checks it). The order is that of the help.
 *
 * Runs in: arbiter.
 */
import { configFile } from "./config-file.ts";
import { control } from "./control.ts";
import { debugging } from "./debugging.ts";
import { dirtyArbiterHooks, dirtyArbiters } from "./dirty-arbiters.ts";
import { health } from "./health.ts";
import { http2 } from "./http2.ts";
import { logging } from "./logging.ts";
import { processNaming } from "./process-naming.ts";
import { python } from "./python.ts";
import { security } from "./security.ts";
import { serverHooks } from "./server-hooks.ts";
import { serverMechanics } from "./server-mechanics.ts";
import { serverSocket } from "./server-socket.ts";
import type { Section, Setting } from "./setting.ts";
import { ssl } from "./ssl.ts";
import { workerProcesses } from "./worker-processes.ts";

const table = {
  ...configFile.settings,
  ...serverSocket.settings,
  ...workerProcesses.settings,
  ...security.settings,
  ...debugging.settings,
  ...serverMechanics.settings,
  ...logging.settings,
  ...processNaming.settings,
  ...serverHooks.settings,
  ...ssl.settings,
  ...http2.settings,
  ...dirtyArbiters.settings,
  ...dirtyArbiterHooks.settings,
  ...control.settings,
  ...python.settings,
  ...health.settings,
};

/** Every entry with its exact type. */
export type Table = typeof table;

export type SettingName = keyof Table;

/** Every setting's value, validated. Plain data that survives JSON. */
export type Settings = {
  readonly [Name in SettingName]: ReturnType<Table[Name]["validate"]>;
};

export const SECTIONS: readonly Section<Readonly<Record<string, Setting<unknown>>>>[] = [
  configFile,
  serverSocket,
  workerProcesses,
  security,
  debugging,
  serverMechanics,
  logging,
  processNaming,
  serverHooks,
  ssl,
  http2,
  dirtyArbiters,
  dirtyArbiterHooks,
  control,
  python,
  health,
];

/** Every setting by its name, in the order of the sections. */
export const SETTINGS: Readonly<Record<SettingName, Setting<unknown>>> = table;
