/**
 * Prints docs/worker-states.md, drawn from the table in arbiter/worker-states.ts; a test compares the two.
 *
 *   node src/cli/worker-states-page.ts > docs/worker-states.md
 *
 * Runs in: a developer's shell.
 */
import { ACTIONS, EVENTS, STATES, TRANSITIONS, type Transition } from "../arbiter/worker-states.ts";

export function workerStatesPage(): string {
  return `# The states of a worker

Drawn from \`src/arbiter/worker-states.ts\` by \`node src/cli/worker-states-page.ts\`; do not edit.

\`\`\`mermaid
stateDiagram-v2
    [*] --> forking
${arrows().join("\n")}
\`\`\`

| state | the worker |
|---|---|
${rows(STATES)}

| event | means |
|---|---|
${rows(EVENTS)}

| action | means |
|---|---|
${rows(ACTIONS)}

What follows; nothing where the table is empty:

| state | ${Object.keys(EVENTS).join(" | ")} |
|---|${"---|".repeat(Object.keys(EVENTS).length)}
${table().join("\n")}
`;
}

function rows(meanings: Readonly<Record<string, string>>): string {
  return Object.entries(meanings)
    .map(([name, meaning]) => `| ${name} | ${meaning} |`)
    .join("\n");
}

function arrows(): string[] {
  return Object.entries(TRANSITIONS).flatMap(([state, transitions]) =>
    Object.entries(transitions).map(([event, { to }]) => {
      return `    ${state} --> ${to === "gone" ? "[*]" : to} : ${event}`;
    }),
  );
}

function table(): string[] {
  return Object.entries(TRANSITIONS).map(([state, transitions]) => {
    const byEvent: Readonly<Partial<Record<string, Transition>>> = transitions;
    const cells = Object.keys(EVENTS).map((event) => cell(byEvent[event]));
    return `| **${state}** | ${cells.join(" | ")} |`;
  });
}

function cell(transition: Transition | undefined): string {
  if (transition === undefined) return "";
  return [`→ ${transition.to}`, ...transition.actions].join("; ");
}

if (import.meta.main) process.stdout.write(workerStatesPage());
