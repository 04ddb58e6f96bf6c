/** The files of examples/ that say how to deploy, as far as they can be checked without what reads them. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parseCommandLine } from "../../src/cli/parser.ts";
import { splitShellWords } from "../../src/cli/shell-words.ts";
import { cleanUp, EXAMPLES } from "../support/programs.ts";
import { createEnvironment, pip, succeed } from "./support/installed.ts";

after(cleanUp);

/** The schemas come with it. */
const VALIDATOR = "kubernetes-validate==1.37.0";

let venv: string;

before(async () => {
  venv = await createEnvironment();
  await pip(venv, "install", "--no-compile", VALIDATOR);
});

/** The documents of a YAML file. */
async function load(file: string): Promise<unknown[]> {
  const program = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
  const json = await succeed(join(venv, "bin/python"), ["-c", program, join(EXAMPLES, file)]);
  return JSON.parse(json) as unknown[];
}

interface Container {
  readonly args?: readonly string[];
  readonly command?: readonly string[];
  readonly image: string;
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly Container[];
}

describe("the Kubernetes manifests", () => {
  it("are what the schemas ask for, with nothing that they do not know", async () => {
    const file = join(EXAMPLES, "kubernetes/guestbook.yaml");
    const said = await succeed(join(venv, "bin/python"), ["-m", "kubernetes_validate", "--strict", file]);
    assert.deepEqual(
      [...said.matchAll(/passed for resource (\w+)\/guestbook/g)].map(([, kind]) => kind),
      ["deployment", "service", "poddisruptionbudget", "horizontalpodautoscaler"],
    );
  });

  it("give a pod the time that Tunicorn may take to leave", async () => {
    const [deployment] = await load("kubernetes/guestbook.yaml");
    const pod = (deployment as { spec: { template: { spec: Pod } } }).spec.template.spec;
    const [, ...words] = pod.containers[0]?.args ?? [];
    const { drain_delay, graceful_timeout } = settings(words);
    assert.ok(Number(drain_delay) + Number(graceful_timeout) < pod.terminationGracePeriodSeconds);
  });
});

describe("the compose file", () => {
  it("builds the Dockerfile, and waits for the database and its tables", async () => {
    const [file] = await load("docker/compose.yaml");
    assert.partialDeepStrictEqual(file, {
      services: {
        migrate: { depends_on: { db: { condition: "service_healthy" } } },
        web: {
          build: { context: "../..", dockerfile: "examples/docker/Dockerfile" },
          depends_on: { migrate: { condition: "service_completed_successfully" } },
        },
      },
    });
  });
});

/** What the options of a command come to; each must be one that there is. */
function settings(words: readonly string[]): Readonly<Record<string, unknown>> {
  const line = parseCommandLine(words, 80);
  assert.ok(line.kind !== "exit", line.kind === "exit" ? line.stderr : "");
  assert.equal(line.positionals.length, 1, words.join(" "));
  return Object.fromEntries(line.values);
}

describe("every command of tunicorn in the examples", () => {
  for (const file of [
    "Procfile",
    "kubernetes/guestbook.yaml",
    ...globSync("{proxies,systemd}/*", { cwd: EXAMPLES }),
  ]) {
    it(`has options that there are: ${file}`, async () => {
      const text = readFileSync(join(EXAMPLES, file), "utf8");
      const commands = [...text.matchAll(/^(?:# {5}|web: |ExecStart=\S*\/)tunicorn (.*)$/gm)];
      for (const [, words = ""] of commands) settings(splitShellWords(words));
      assert.ok(commands.length > 0 || /\.(yaml|socket)$/.test(file));
    });
  }
});
