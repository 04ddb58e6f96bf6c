/**
 * The type of `tunicorn.config.ts`, derived from the table, with what the reference page says of each setting:
 *
 *     node src/cli/config-type-page.ts > src/settings/tunicorn-config.ts
 *
 * A test fails when the file is not what this returns. It is a file because an editor shows comments, and no comment comes out of
 * a computed type.
 *
 * Runs in: a developer's shell.
 */
import { pythonStr } from "../settings/python-text.ts";
import type { Setting } from "../settings/setting.ts";
import { SECTIONS } from "../settings/table.ts";

const HEAD = `/**
 * What \`tunicorn.config.ts\` exports. Generated from the table: node src/cli/config-type-page.ts
 *
 * Runs in: a developer's editor.
 */
import type { ConfigValue } from "./config-value.ts";

export interface TunicornConfig {
`;

/** Only words can say these. */
const NOT_IN_A_FILE: readonly string[] = ["config", "check_config", "print_config"];

export function configType(): string {
  const entries = SECTIONS.flatMap(({ settings }) => Object.entries(settings));
  const members = entries
    .filter(([name, { hook }]) => hook === undefined && !NOT_IN_A_FILE.includes(name))
    .map(([name, setting]) => `${comment(setting)}  readonly ${name}?: ConfigValue<"${name}">;\n`);
  return `${HEAD}${members.join("")}}\n`;
}

function comment(setting: Setting<unknown>): string {
  const { summary, default: fixed, flags, effect } = setting;
  const notes = [
    ...(effect === undefined
      ? []
      : [effect.kind === "none" ? `No effect: ${effect.why}.` : "Not supported yet."]),
    ...(isTelling(fixed) ? [`Default: ${pythonStr(fixed)}`] : []),
    ...(flags === undefined ? [] : [flags.at(-1) as string]),
  ];
  return `  /**\n   * ${[summary, ...notes].join("\n   *\n   * ").replaceAll("*/", "*\\/")}\n   */\n`;
}

function isTelling(value: unknown): boolean {
  return value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);
}

if (import.meta.main) process.stdout.write(configType());
