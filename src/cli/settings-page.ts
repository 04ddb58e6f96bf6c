/**
 * The reference page of the settings, derived from the table:
 *
 *     node src/cli/settings-page.ts > docs/settings.md
 *
 * A test fails when the page in docs/ is not what this returns.
 *
 * Runs in: a developer's shell.
 */
import { pythonStr } from "../settings/python-text.ts";
import type { Setting } from "../settings/setting.ts";
import { SECTIONS } from "../settings/table.ts";

const INTRODUCTION = `# Settings

Names, options, defaults and meanings are Gunicorn's. A setting takes its value from, later ones winning:

1. its default, or the environment variable named with it;
2. the configuration file;
3. the options in the environment variable \`GUNICORN_CMD_ARGS\`;
4. the command line.

One configuration file counts, and is never merged with another: the one that \`-c\` names on the command line, else in
\`GUNICORN_CMD_ARGS\`, else the first of these in the working directory; the log says which others are there.

| file | what counts |
|---|---|
| \`gunicorn.conf.py\` | every global that is called like a setting; hooks; executed by the application's Python |
| \`tunicorn.config.ts\`, \`.mts\`, \`.js\`, \`.mjs\` | the default export: an object, a promise of one, or a function that returns one |
| \`tunicorn.config.json\` | the object |
| \`pyproject.toml\` | the table \`[tool.tunicorn]\`, when there is one |

\`\`\`ts
import { defineConfig } from "tunicorn";

export default defineConfig({ bind: "0.0.0.0:8000", workers: 4, accesslog: "-" });
\`\`\`

With \`defineConfig\` an editor completes and checks the names and values. Files that are not Python refuse a name that is no
setting, and have no hooks, which are functions of Python. Relative paths are relative to the working directory, in every file. A
file is read once at the start and once at each HUP; what stays in force when it fails then is what was.

A list replaces the list of an earlier step; it is not added to it. Options may be abbreviated as long as they
stay unambiguous: \`--back 64\` is \`--backlog 64\`, while \`--work 3\` is refused.

This page is generated from the table in \`src/settings/\`.
`;

export function settingsPage(): string {
  const parts = [INTRODUCTION];
  for (const { title, settings } of SECTIONS) {
    parts.push(`## ${title}\n`);
    for (const [name, setting] of Object.entries(settings)) parts.push(entry(name, setting));
  }
  return parts.join("\n");
}

function entry(name: string, setting: Setting<unknown>): string {
  const own = setting.own ? " Tunicorn's own; Gunicorn does not have it." : "";
  return `### \`${name}\`\n\n${setting.summary}${own}${effect(setting)}\n\n- Command line: ${flags(setting)}\n- Default: ${defaults(setting)}\n`;
}

function effect({ effect }: Setting<unknown>): string {
  if (effect === undefined) return "";
  if (effect.kind === "none") return ` **No effect**: ${effect.why}.`;
  return ` **Not yet**: ${effect.feature} will come later, and until then the start is refused.`;
}

function flags({ flags, metavar }: Setting<unknown>): string {
  if (flags === undefined) return "none";
  return flags.map((flag) => `\`${metavar === undefined ? flag : `${flag} ${metavar}`}\``).join(", ");
}

function defaults({ default: fixed, variable }: Setting<unknown>): string {
  let text = "";
  for (let one = variable; one !== undefined; one = one.otherwise)
    text += `\`${one.form}\` if \`${one.name}\` is set in the environment, otherwise `;
  return `${text}\`${pythonStr(fixed)}\``;
}

if (import.meta.main) process.stdout.write(settingsPage());
